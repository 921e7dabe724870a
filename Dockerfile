# runnel as a sidecar or a DaemonSet. The host's logs are mounted read-only, the state is a volume:
#
#   docker run -v /var/log:/var/log:ro -v runnel:/var/lib/runnel -p 127.0.0.1:8687:8687 -p 8125:8125/udp runnel
FROM node:26-bookworm-slim AS build
WORKDIR /build
# Install scripts are needed by none of the packages; the kernel is compiled by `npm pack` (prepack).
COPY package.json package-lock.json .npmrc ./
COPY scripts/node scripts/node
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY README.md CHANGELOG.md LICENSE tsconfig.json ./
COPY scripts scripts
COPY config config
COPY man man
COPY completion completion
COPY docs docs
COPY prometheus prometheus
COPY dashboards dashboards
COPY systemd systemd
COPY src src
RUN npm pack && npm install --global --prefix /out --omit=dev --ignore-scripts --no-audit --no-fund ./runnel-agent-*.tgz

FROM node:26-bookworm-slim
COPY --from=build /out /usr/local
# The group adm, 4 on Debian and Ubuntu, may read the host's logs. By number: Kubernetes believes no name to be not root's.
RUN useradd --uid 10001 --shell /usr/sbin/nologin --groups adm --home-dir /var/lib/runnel --no-create-home runnel \
  && install --directory --owner=runnel --group=runnel --mode=0750 /var/lib/runnel
COPY config/image.yaml /etc/runnel/runnel.yaml
USER 10001
VOLUME /var/lib/runnel
EXPOSE 8125/udp 8687/tcp
# Each takes a third of a second of a core, as much as the agent itself in a minute and a half when it is idle.
HEALTHCHECK --interval=1m --timeout=10s --start-period=10s CMD ["runnel", "status", "--json"]
ENTRYPOINT ["runnel"]
CMD ["run", "-c", "/etc/runnel/runnel.yaml"]
