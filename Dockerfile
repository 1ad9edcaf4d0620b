# The server with its workspace on a volume. Build and run: make docker-up
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY datawatch_lab datawatch_lab
COPY notebooks notebooks
RUN python -m venv /opt/datawatch \
 && /opt/datawatch/bin/pip install --no-cache-dir -c constraints.txt '.[all]'

FROM python:3.12-slim
RUN useradd --create-home --uid 1000 datawatch \
 && install -d -o datawatch -g datawatch /data
COPY --from=build /opt/datawatch /opt/datawatch
ENV PATH=/opt/datawatch/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATAWATCH_WORKSPACE=/data/datawatch.duckdb
USER datawatch
WORKDIR /data
VOLUME /data
EXPOSE 3002
# Asks the server with the workspace's token, as every command does while a server owns the file.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["datawatch", "status", "--json"]
CMD ["datawatch", "serve", "--port", "3002"]
