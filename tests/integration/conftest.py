"""A cluster of real processes for a test, on servers that were found."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.infrastructure import Found
from tests.integration.cluster import Cluster
from tests.product import House, random_prefix


@pytest.fixture(scope="module")
def cluster(
    shared_house: House,
    database_urls: dict[str, dict[str, str]],
    broker_found: Found,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Cluster]]:
    """Makes a cluster over the run's databases, which then has them to itself."""
    if not broker_found.url.startswith("amqp"):
        pytest.skip(f"needs RabbitMQ between processes, and only {broker_found} is here")
    made: list[Cluster] = []

    def start(**options: object) -> Cluster:
        shared_house.rest()
        folder = tmp_path_factory.mktemp("cluster")
        cluster = Cluster(database_urls, broker_found.url, random_prefix().rstrip("_"), folder, **options)  # type: ignore[arg-type]
        made.append(cluster)
        cluster.start()
        return cluster

    yield start
    for cluster in made:
        cluster.stop()
