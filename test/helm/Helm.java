import com.google.gson.Gson;
import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * One request a line on standard input, one answer a line on standard output, both JSON, so that the tests pay for one JVM.
 *   {"lint": chart}                         the linter's messages, and whether it failed
 *   {"template": chart, "set": {key: value}}  the manifests as YAML, or Helm's error
 *   {"validate": [manifest, …]}             what Kubernetes' types refuse; kinds that are not its own are in "unknown"
 */
class Helm {
  private static final Gson gson = new Gson();

  public static void main(String[] args) throws Exception {
    var in = new java.io.BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var out = new java.io.PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line; (line = in.readLine()) != null; ) {
      JsonObject answer;
      try {
        answer = answer(JsonParser.parseString(line).getAsJsonObject());
      } catch (Exception error) {
        answer = new JsonObject();
        answer.addProperty("error", String.valueOf(error.getMessage()));
      }
      out.println(gson.toJson(answer));
    }
  }

  private static JsonObject answer(JsonObject request) {
    var answer = new JsonObject();
    if (request.has("lint")) {
      var result = new com.marcnuri.helm.Helm(Path.of(request.get("lint").getAsString())).lint().strict().call();
      answer.add("messages", gson.toJsonTree(result.getMessages()));
      answer.addProperty("failed", result.isFailed());
    } else if (request.has("template")) {
      var command = new com.marcnuri.helm.Helm(Path.of(request.get("template").getAsString())).template();
      command.withName("watch").withNamespace("fraud");
      request.getAsJsonObject("set").entrySet().forEach(entry -> command.set(entry.getKey(), entry.getValue().getAsString()));
      answer.addProperty("yaml", command.call());
    } else {
      var problems = new JsonArray();
      var unknown = new JsonArray();
      for (JsonElement manifest : request.getAsJsonArray("validate")) validate(manifest.getAsJsonObject(), problems, unknown);
      answer.add("problems", problems);
      answer.add("unknown", unknown);
    }
    return answer;
  }

  private static void validate(JsonObject manifest, JsonArray problems, JsonArray unknown) {
    String kind = manifest.get("kind").getAsString();
    String[] api = manifest.get("apiVersion").getAsString().split("/");
    String group = api.length == 1 ? "" : api[0];
    String version = api[api.length - 1];
    Class<?> type;
    try {
      if (group.contains(".") && !group.endsWith(".k8s.io")) throw new ClassNotFoundException();
      type = Class.forName("io.kubernetes.client.openapi.models." + version.substring(0, 1).toUpperCase() + version.substring(1) + kind);
    } catch (ClassNotFoundException missing) {
      unknown.add(String.join("/", api) + " " + kind);
      return;
    }
    try {
      type.getMethod("validateJsonElement", JsonElement.class).invoke(null, manifest);
      new io.kubernetes.client.openapi.JSON();
      io.kubernetes.client.openapi.JSON.getGson().fromJson(manifest, type);
    } catch (InvocationTargetException refused) {
      problems.add(kind + ": " + refused.getCause().getMessage());
    } catch (Exception refused) {
      problems.add(kind + ": " + refused.getMessage());
    }
  }
}
