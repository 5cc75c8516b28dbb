"""What the programs with FastAPI and async SQLAlchemy share: one uvicorn process each, set up as their
documentation shows it. The routes are make_app's, in the file that comes behind this one.

A program takes the database's URL from the first line of standard input, says on standard output where
it serves, and ends when standard input does.
"""

import argparse
import json
import platform
import socket
import sys
import threading
from datetime import datetime, timezone

import fastapi
import pydantic
import sqlalchemy
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import BigInteger, Boolean, Column, DateTime, Float, String, Text, event, select
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import declarative_base, sessionmaker
from sqlalchemy.pool import AsyncAdaptedQueuePool
from sqlalchemy.types import TypeDecorator

DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mysql": "mysql+aiomysql"}
PYDANTIC_1 = pydantic.VERSION.startswith("1.")

Base = declarative_base()


def open_engine(url, pool_size, pragmas):
    engine = create_async_engine(url, poolclass=AsyncAdaptedQueuePool, pool_size=pool_size, max_overflow=0)
    if pragmas:

        @event.listens_for(engine.sync_engine, "connect")
        def set_pragmas(connection, _):
            for pragma in pragmas:
                connection.execute("PRAGMA " + pragma)

    return engine


def open_sessions(raw_url, pool_size, synchronous):
    """Makes what readers and writers get their sessions from."""
    url = make_url(raw_url)
    url = url.set(drivername=DRIVERS[url.drivername])
    if not url.drivername.startswith("sqlite"):
        engine = open_engine(url, pool_size, [])
        factory = sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)
        return factory, factory
    common = ["busy_timeout=5000", "foreign_keys=1"]
    reader = open_engine(url, pool_size, common + ["query_only=1"])
    writer = open_engine(url, 1, common + ["journal_mode=WAL", "synchronous=" + synchronous])
    return (
        sessionmaker(reader, class_=AsyncSession, expire_on_commit=False),
        sessionmaker(writer, class_=AsyncSession, expire_on_commit=False),
    )


class Server(uvicorn.Server):
    """Says where it serves once it does."""

    def announce(self, listener):
        host, port = listener.getsockname()
        version = (
            f"FastAPI {fastapi.__version__}, SQLAlchemy {sqlalchemy.__version__}, pydantic {pydantic.VERSION}, "
            f"uvicorn {uvicorn.__version__}, Python {platform.python_version()}"
        )
        print(json.dumps({"addr": f"{host}:{port}", "version": version}), flush=True)

    async def startup(self, sockets=None):
        await super().startup(sockets=sockets)
        self.announce(sockets[0])

    def end_with(self, stream):
        stream.read()
        self.should_exit = True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pool", type=int, required=True)
    parser.add_argument("--synchronous", required=True)
    args = parser.parse_args()
    readers, writers = open_sessions(sys.stdin.readline().strip(), args.pool, args.synchronous)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    server = Server(uvicorn.Config(make_app(readers, writers), log_level="error", access_log=False, lifespan="off"))
    threading.Thread(target=server.end_with, args=[sys.stdin], daemon=True).start()
    server.run(sockets=[listener])
