# The operator's image: two stages, no shell at run time, and none of the local world's dependencies.
FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.txt requirements-build.txt ./
COPY operator ./operator
RUN python -m venv /build
RUN /build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation -w /build/dist .
RUN python -m venv /app
RUN /app/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
RUN /app/bin/pip install --no-cache-dir --no-deps --no-index /build/dist/*.whl

FROM python:3.13-slim
COPY --from=build /app /app
USER 10001:10001
# glibc keeps a memory pool for each thread, and memory that a wave of requests needed, unless it is told otherwise.
ENV PYTHONDONTWRITEBYTECODE=1 MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
ENTRYPOINT ["/app/bin/wheelhouse"]
CMD ["run"]
