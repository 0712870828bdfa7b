"""The HTTP edge, the same in every service: tokens, one transaction a request, idempotency, problems, paging."""
