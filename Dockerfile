# One image for all three processes: the command says which.
#   docker build -t tocsin .
#   docker run --rm tocsin node cli/dist/main.js --help
FROM node:24-slim AS build
WORKDIR /app
# The manifests first: a change of code does not install again.
COPY package.json package-lock.json .npmrc ./
COPY libs/chain-model/package.json libs/chain-model/
COPY libs/event-log/package.json libs/event-log/
COPY libs/service-kit/package.json libs/service-kit/
COPY libs/stream-core/package.json libs/stream-core/
COPY apps/alerts-api/package.json apps/alerts-api/
COPY apps/dashboard/package.json apps/dashboard/
COPY apps/detector/package.json apps/detector/
COPY apps/ingestor/package.json apps/ingestor/
COPY bench/package.json bench/
COPY cli/package.json cli/
COPY demo/package.json demo/
COPY test/package.json test/
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
WORKDIR /app
ENV NODE_ENV=production
COPY --from=build /app /app
# What a process keeps on disk; a copy of what the log says, but starting without it takes longer.
RUN mkdir -p /var/lib/tocsin && chown node:node /var/lib/tocsin
VOLUME /var/lib/tocsin
USER node
CMD ["node", "cli/dist/main.js", "--help"]
