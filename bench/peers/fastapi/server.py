"""FastAPI with async SQLAlchemy, on one uvicorn process, as their documentation shows them.

Takes the database's URL from the first line of standard input, says on standard output where it
serves, and ends when standard input does.
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

PAGE_SIZE = 50
DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg", "mysql": "mysql+aiomysql"}

Base = declarative_base()


class Moment(TypeDecorator):
    """A time in UTC, also where the database keeps no zone."""

    impl = DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql")
    cache_ok = True

    def process_bind_param(self, value, dialect):
        value = value.astimezone(timezone.utc)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value, dialect):
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


class Event(Base):
    __tablename__ = "events"
    id = Column(BigInteger().with_variant(sqlalchemy.Integer(), "sqlite"), primary_key=True, autoincrement=True)
    conversation_id = Column(String(36), nullable=False)
    kind = Column(String(255), nullable=False)
    source = Column(String(255), nullable=False)
    body = Column(Text, nullable=False)
    cost = Column(Float, nullable=False)
    final = Column(Boolean, nullable=False)
    created_at = Column(Moment, nullable=False)


class EventFields(BaseModel):
    conversation_id: str
    kind: str
    source: str
    body: str
    cost: float
    final: bool
    created_at: datetime


class EventIn(EventFields):
    pass


class EventOut(EventFields):
    id: int

    if pydantic.VERSION.startswith("1."):

        class Config:
            orm_mode = True

    else:
        model_config = {"from_attributes": True}


def as_dict(fields):
    return fields.dict() if pydantic.VERSION.startswith("1.") else fields.model_dump()


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


def make_app(readers, writers):
    app = FastAPI()

    async def reading():
        async with readers() as session:
            yield session

    async def writing():
        async with writers() as session:
            yield session

    @app.get("/events/{id}", response_model=EventOut)
    async def get_event(id: int, session: AsyncSession = Depends(reading)):
        found = await session.get(Event, id)
        if found is None:
            raise HTTPException(404)
        return found

    @app.get("/events", response_model=list[EventOut])
    async def list_events(after: int, session: AsyncSession = Depends(reading)):
        page = select(Event).where(Event.id > after).order_by(Event.id).limit(PAGE_SIZE)
        return (await session.execute(page)).scalars().all()

    @app.post("/events", response_model=EventOut, status_code=201)
    async def post_event(fields: EventIn, session: AsyncSession = Depends(writing)):
        stored = Event(**as_dict(fields))
        session.add(stored)
        await session.commit()
        return stored

    return app


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


if __name__ == "__main__":
    main()
