# Two images:
#   docker build --target standalone -t deepguard .   serves `deepguard run` on port 7860
#   docker build -t deepguard-cloud .                 runs on Pipecat Cloud, whose own builds take the last stage
#
# standalone: WebRTC media flows over UDP ports that are chosen per call, so let it share the host's network:
#   docker run --network host --env-file .env -v ./deepguard.yaml:/etc/deepguard/deepguard.yaml:ro \
#       -v deepguard:/var/lib/deepguard deepguard
# The volume holds the store: what was not delivered yet, and the history.
# The playground page is off here unless deepguard.yaml says `server: {playground: "on"}`.

FROM python:3.12-slim AS build
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/deepguard
RUN pip install --no-cache-dir --root-user-action=ignore "uv>=0.7,<1"
WORKDIR /src
# The dependencies make a layer of their own: it stays valid when only deepguard changes.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    uv sync --locked --no-dev --extra postgres --no-install-project
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY deepguard deepguard
COPY plugins plugins
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --extra postgres --no-editable

FROM python:3.12-slim AS standalone
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin deepguard
RUN install --directory --owner deepguard --mode 700 /var/lib/deepguard
COPY --from=build /opt/deepguard /opt/deepguard
ENV PATH=/opt/deepguard/bin:$PATH PYTHONUNBUFFERED=1 DEEPGUARD_CONFIG=/etc/deepguard/deepguard.yaml
COPY deepguard.yaml /etc/deepguard/
WORKDIR /var/lib/deepguard
VOLUME /var/lib/deepguard
USER deepguard
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
ENTRYPOINT ["deepguard"]
CMD ["run", "--host", "0.0.0.0", "--port", "7860"]

FROM dailyco/pipecat-base:0.1.19-py3.12 AS cloud
# --inexact keeps the packages of the base image's own server; the group cloud gives that server a pipecatcloud that
# fits deepguard's Pipecat: the one in the image hands over session arguments that Pipecat does not know.
ENV UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/app/.venv
WORKDIR /src
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=bind,source=pyproject.toml,target=pyproject.toml \
    --mount=type=bind,source=uv.lock,target=uv.lock \
    uv sync --locked --no-dev --extra postgres --group cloud --inexact --no-install-project
COPY pyproject.toml uv.lock README.md LICENSE ./
COPY deepguard deepguard
COPY plugins plugins
RUN --mount=type=cache,target=/root/.cache/uv \
    uv sync --locked --no-dev --extra postgres --group cloud --inexact --no-editable
# The base image's server imports bot.py from here; what deepguard.yaml names (a policy file, say) must be copied too.
WORKDIR /app
COPY bot.py deepguard.yaml ./
