"""The application: routes, life span, and the page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from fastapi.staticfiles import StaticFiles

from deepguard import __version__
from deepguard.net import is_loopback
from deepguard.pipeline.receive.abilities import abilities
from deepguard.runtime import Runtime
from deepguard.server.acknowledge import acknowledge_router
from deepguard.server.bodies import problems
from deepguard.server.labels import labels_router
from deepguard.server.limits import RequestLimits
from deepguard.server.live import live_router
from deepguard.server.metrics import metrics_router
from deepguard.server.offers import offers_router
from deepguard.server.readiness import store_dict
from deepguard.server.sessions import Sessions

PLAYGROUND = Path(__file__).parent / "playground"


def create_app(runtime: Runtime, sessions: Sessions | None = None) -> FastAPI:
    """The application that `deepguard run` serves.

    Args:
        runtime: What all calls share; started and closed with the application.
        sessions: Where sessions are kept; a new place when None.
    """
    server = runtime.config.server
    kept = sessions or Sessions(server.max_calls)
    loopback = is_loopback(server.host)
    playground = server.serves_playground
    origins = tuple(origin.rstrip("/").lower() for origin in server.allowed_origins)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await runtime.start()
        # Not while the first call begins: it imports what the receive path needs, and looks inside of it.
        abilities()
        try:
            yield
        finally:
            try:
                await kept.close(server.shutdown_timeout)
            finally:
                await runtime.close()

    app = FastAPI(title="deepguard", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.exception_handler(RequestValidationError)
    async def refuse_body(_request: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own answer repeats the input, which JSON cannot always hold (NaN, half a surrogate pair).
        return JSONResponse({"detail": problems(error.errors())}, 422)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        store = store_dict(runtime)
        ready = store["ok"] and not kept.stopping
        answer: dict[str, Any] = {
            "ready": ready,
            "calls": kept.calls,
            "max_calls": server.max_calls,
            "detector": runtime.config.detector.title,
            "store": store,
        }
        if loopback:
            answer["config_hash"] = runtime.snapshot.hash
        return JSONResponse(answer, 200 if ready else 503)

    app.include_router(offers_router(runtime, kept, playground=playground))
    if server.serves_metrics:
        app.include_router(metrics_router(runtime, kept))
    if server.public_url:
        app.include_router(acknowledge_router(runtime))
    if playground:
        app.include_router(live_router(runtime, kept))
        app.include_router(labels_router(runtime, kept))
        app.mount("/", StaticFiles(directory=PLAYGROUND, html=True), name="playground")
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST", "PATCH"],
            allow_headers=["Content-Type"],
        )
    app.add_middleware(RequestLimits, loopback=loopback, allowed_origins=origins, public_url=server.public_url)
    return app
