{{/* `release-tocsin`, or the release's name where that says it. */}}
{{- define "tocsin.name" -}}
{{- $name := ternary .Release.Name (printf "%s-tocsin" .Release.Name) (contains "tocsin" .Release.Name) -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Takes (dict "root" $ "process" name). */}}
{{- define "tocsin.selector" -}}
app.kubernetes.io/name: tocsin
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .process }}
{{- end -}}

{{- define "tocsin.labels" -}}
{{ include "tocsin.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{- define "tocsin.secret" -}}
{{- .Values.secret.existing | default (include "tocsin.name" .) -}}
{{- end -}}

{{/* Settings as variables: the processes' own, then those of all three, then those of one, which win. */}}
{{- define "tocsin.environment" -}}
{{- $set := dict "TOCSIN_KAFKA_BROKERS" (join "," (required "kafka.brokers: name the bootstrap brokers, host:port" (.root.Values.kafka.brokers | default nil))) -}}
{{- $_ := set $set "TOCSIN_TOPIC_PREFIX" .root.Values.topicPrefix -}}
{{- $chain := .root.Values.chainId -}}
{{- $_ := set $set "TOCSIN_CHAIN_ID" (kindIs "string" $chain | ternary $chain ($chain | int | toString)) -}}
{{- $_ := set $set "TOCSIN_LOG_FORMAT" "json" -}}
{{- $all := mergeOverwrite $set (deepCopy .own) (deepCopy .root.Values.settings) (deepCopy .settings) -}}
{{- range $name, $value := $all }}
- name: {{ $name }}
  value: {{ $value | toString | quote }}
{{- end }}
{{- with .root.Values.settingsFrom }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What the three pods have in common. */}}
{{- define "tocsin.pod" -}}
serviceAccountName: {{ .Values.serviceAccount.existing | default (include "tocsin.name" .) }}
automountServiceAccountToken: false
terminationGracePeriodSeconds: {{ .Values.pod.terminationGracePeriodSeconds }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.pod.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "tocsin.container" -}}
image: {{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
# Live from the start: it takes what it needs to be ready later. A process that cannot go on ends by itself.
livenessProbe:
  httpGet: { path: /health/live, port: http }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
startupProbe:
  httpGet: { path: /health/live, port: http }
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: { path: /health/ready, port: http }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end -}}
