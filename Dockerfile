# Scoring in a container: the lean install, no training. Build: docker build -t churnml .
# Run: docker run --rm --network none -v "$PWD:/work" churnml score --as-of 2024-07-01 --model models/churn
# A file of a project belongs to its owner: add --user "$(id -u):$(id -g)" where that is not 10001.

FROM python:3.12.11-slim-bookworm AS build
ENV UV_PROJECT_ENVIRONMENT=/opt/churnml UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never \
    NUMBA_CACHE_DIR=/opt/numba NUMBA_CPU_NAME=generic
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && pip install --no-cache-dir --disable-pip-version-check uv==0.13.9
WORKDIR /source
COPY pyproject.toml uv.lock README.md LICENSE dvc.yaml ./
COPY pipelines pipelines
COPY src src
# From uv.lock, every file by its hash; then every loop is compiled, for any processor of this kind.
RUN uv sync --frozen --quiet --no-default-groups --extra score --extra registry --no-editable --compile-bytecode \
    && cd / \
    && /opt/churnml/bin/python -m churnml.flow.compile \
    && chmod -R a+rwX /opt/numba

FROM python:3.12.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /work --shell /usr/sbin/nologin churnml \
    && install --directory --owner churnml --group churnml --mode 0700 /work
COPY --from=build /opt/churnml /opt/churnml
COPY --from=build /opt/numba /opt/numba
# Nothing is told to anybody: telemetry, analytics and update checks are off.
ENV PATH=/opt/churnml/bin:$PATH LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/opt/numba NUMBA_CPU_NAME=generic OMP_WAIT_POLICY=passive \
    DO_NOT_TRACK=true DVC_NO_ANALYTICS=true MLFLOW_DISABLE_TELEMETRY=true
WORKDIR /work
USER 10001:10001
HEALTHCHECK NONE
ENTRYPOINT ["churnml"]
CMD ["--help"]
