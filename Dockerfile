# The agent as it is deployed: docker build -t mqcanary .
# deploy/README.md says how to run it; deploy/image.sh builds and runs it where there is no Docker engine.

# In an ARG, for a mirror, a digest or a base of one's own: --build-arg BASE=...
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
COPY requirements.lock requirements-dev.lock ./
# --no-deps: the lock is whole. Wheels only: nothing is compiled, so there is no compiler here either.
RUN python -m venv --without-pip /opt/mqcanary \
    && pip --python /opt/mqcanary install --only-binary :all: --no-deps --require-hashes --requirement requirements.lock
# Our own wheel is built by the uv of the lock, whose backend is part of it: nothing comes from outside without a hash.
RUN sed -n '/^uv==/,/[^\\]$/p' requirements-dev.lock > uv.lock \
    && pip install --only-binary :all: --no-deps --require-hashes --requirement uv.lock
COPY pyproject.toml README.md LICENSE ./
COPY agent agent
COPY alerts alerts
COPY checks checks
RUN uv build --wheel --offline --no-cache --out-dir dist \
    && pip --python /opt/mqcanary install --no-index --no-deps dist/mqcanary-*.whl

FROM ${BASE}
LABEL org.opencontainers.image.title="mqcanary" \
      org.opencontainers.image.description="Watches Kafka and SQS: what is wrong, why, and what to do" \
      org.opencontainers.image.licenses="Apache-2.0"
# A number, so that Kubernetes can see that it is not root. Nothing is installed at run time: pip goes.
RUN pip uninstall --yes --root-user-action ignore pip \
    && groupadd --gid 10001 mqcanary \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/mqcanary --shell /usr/sbin/nologin mqcanary \
    && install --directory --owner=10001 --group=10001 --mode=0700 /var/lib/mqcanary
COPY --from=build /opt/mqcanary /opt/mqcanary
# OpenBLAS would start a thread for each core of the host; the columns here never need one.
ENV PATH=/opt/mqcanary/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    OPENBLAS_NUM_THREADS=1 \
    MQCANARY_CONFIG=/etc/mqcanary/mqcanary.yaml \
    MQCANARY_STATE=/var/lib/mqcanary
USER 10001:10001
VOLUME /var/lib/mqcanary
EXPOSE 9188
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["mqcanary", "health"]
ENTRYPOINT ["mqcanary"]
CMD ["run"]
