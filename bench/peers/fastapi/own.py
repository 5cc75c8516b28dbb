"""The server's own routes on its own tables: batches that agent servers push, and pages of events and of
conversations. A batch is stored as the server stores it, with one commit: the conversation is locked, what is
stored already is left out, and the rest is numbered and counted.
"""

from collections import Counter
from typing import Any

from sqlalchemy import Integer, false, insert, update
from sqlalchemy.dialects import mysql, postgresql, sqlite


class Moment(TypeDecorator):
    """A time in UTC, in the forms in which the server stores it."""

    impl = DateTime(timezone=True).with_variant(DATETIME(fsp=6), "mysql").with_variant(String(), "sqlite")
    cache_ok = True

    def process_bind_param(self, value, dialect):
        if dialect.name == "sqlite":
            return value.isoformat(" ")
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value, dialect):
        if dialect.name == "sqlite":
            value = datetime.fromisoformat(value)
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


class Conversation(Base):
    __tablename__ = "conversations"
    id = Column(String(36), primary_key=True)
    has_parent = Column(Boolean, nullable=False)
    title = Column(Text)
    execution_status = Column(String(64), nullable=False)
    workspace = Column(Text, nullable=False)
    tags = Column(Text, nullable=False)
    details = Column(Text, nullable=False)
    pr_numbers = Column(Text, nullable=False)
    agent_kind = Column(String(64), nullable=False)
    public = Column(Boolean, nullable=False)
    leaf_event_id = Column(String(255))
    event_count = Column(BigInteger, nullable=False)
    numbered = Column(BigInteger, nullable=False)
    accumulated_cost = Column(Float, nullable=False)
    max_budget_per_task = Column(Float)
    prompt_tokens = Column(BigInteger, nullable=False)
    completion_tokens = Column(BigInteger, nullable=False)
    cache_read_tokens = Column(BigInteger, nullable=False)
    cache_write_tokens = Column(BigInteger, nullable=False)
    reasoning_tokens = Column(BigInteger, nullable=False)
    context_window = Column(BigInteger, nullable=False)
    per_turn_token = Column(BigInteger, nullable=False)
    created_at = Column(Moment, nullable=False)
    updated_at = Column(Moment, nullable=False)


class Event(Base):
    __tablename__ = "events"
    seq = Column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
    conversation_id = Column(String(36), nullable=False)
    number = Column(BigInteger)
    id = Column(String(255), nullable=False)
    kind = Column(String(255), nullable=False)
    source = Column(String(255), nullable=False)
    ts = Column(BigInteger, nullable=False)
    final = Column(Boolean, nullable=False)
    payload = Column(Text, nullable=False)


class EventCount(Base):
    __tablename__ = "event_counts"
    conversation_id = Column(String(36), primary_key=True)
    kind = Column(String(255), primary_key=True)
    source = Column(String(255), primary_key=True)
    n = Column(BigInteger, nullable=False)


class EventIn(BaseModel):
    id: str
    kind: str
    source: str
    timestamp: datetime

    if PYDANTIC_1:

        class Config:
            extra = "allow"

    else:
        model_config = {"extra": "allow"}

    def payload(self):
        return self.json() if PYDANTIC_1 else self.model_dump_json()

    def micros(self):
        at = self.timestamp if self.timestamp.tzinfo else self.timestamp.replace(tzinfo=timezone.utc)
        return int(at.timestamp() * 1_000_000)


class Usage(BaseModel):
    model: str = ""
    prompt_tokens: int
    completion_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    context_window: int
    per_turn_token: int
    response_id: str = ""


class Metrics(BaseModel):
    accumulated_cost: float
    max_budget_per_task: float | None
    accumulated_token_usage: Usage
    model_name: str = ""


class AppConversation(BaseModel):
    id: str
    title: str | None
    execution_status: str
    workspace: dict[str, Any]
    tags: dict[str, str]
    pr_number: list[int]
    agent_kind: str
    public: bool
    metrics: Metrics
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    items: list[AppConversation]
    next_page_id: str | None


def shown(c):
    tokens = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "context_window", "per_turn_token")
    return AppConversation(
        id=c.id.replace("-", ""),
        title=c.title,
        execution_status=c.execution_status,
        workspace=json.loads(c.workspace),
        tags=json.loads(c.tags),
        pr_number=json.loads(c.pr_numbers),
        agent_kind=c.agent_kind,
        public=c.public,
        metrics=Metrics(
            accumulated_cost=c.accumulated_cost,
            max_budget_per_task=c.max_budget_per_task,
            accumulated_token_usage=Usage(**{name: getattr(c, name) for name in tokens}),
        ),
        created_at=c.created_at,
        updated_at=c.updated_at,
    )


def counted(dialect, rows):
    """The statement that adds to the counts of a conversation's events."""
    if dialect == "mysql":
        statement = mysql.insert(EventCount).values(rows)
        return statement.on_duplicate_key_update(n=EventCount.n + statement.inserted.n)
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(EventCount).values(rows)
    return statement.on_conflict_do_update(index_elements=["conversation_id", "kind", "source"], set_={"n": EventCount.n + statement.excluded.n})


async def store(session, conversation_id, batch):
    locked = select(Conversation.numbered).where(Conversation.id == conversation_id).with_for_update()
    numbered = (await session.execute(locked)).scalar_one_or_none()
    if numbered is None:
        raise HTTPException(404)
    stored = select(Event.id).where(Event.conversation_id == conversation_id, Event.id.in_([e.id for e in batch]))
    known = set((await session.execute(stored)).scalars())
    fresh = [e for e in batch if e.id not in known]
    if not fresh:
        return
    await session.execute(
        insert(Event),
        [
            dict(
                conversation_id=conversation_id, number=numbered + i, id=e.id, kind=e.kind, source=e.source, ts=e.micros(), final=False, payload=e.payload()
            )
            for i, e in enumerate(fresh)
        ],
    )
    counts = Counter((e.kind, e.source) for e in fresh)
    rows = [dict(conversation_id=conversation_id, kind=kind, source=source, n=n) for (kind, source), n in sorted(counts.items())]
    await session.execute(counted(session.bind.dialect.name, rows))
    await session.execute(
        update(Conversation)
        .where(Conversation.id == conversation_id)
        .values(
            event_count=Conversation.event_count + len(fresh),
            numbered=numbered + len(fresh),
            updated_at=datetime.now(timezone.utc),
            leaf_event_id=fresh[-1].id,
        )
        .execution_options(synchronize_session=False)
    )


def make_app(readers, writers):
    app = FastAPI()

    async def reading():
        async with readers() as session:
            yield session

    async def writing():
        async with writers() as session:
            yield session

    @app.post("/api/v1/webhooks/events/{conversation_id}")
    async def put_events(conversation_id: str, batch: list[EventIn], session: AsyncSession = Depends(writing)):
        await store(session, conversation_id, batch)
        await session.commit()
        return {"success": True}

    @app.get("/api/v1/conversation/{conversation_id}/events/search")
    async def search_events(conversation_id: str, limit: int, session: AsyncSession = Depends(reading)):
        page = select(Event.payload).where(Event.conversation_id == conversation_id).order_by(Event.ts, Event.seq).limit(limit + 1)
        payloads = (await session.execute(page)).scalars().all()
        return {"items": [json.loads(payload) for payload in payloads[:limit]], "next_page_id": "next" if len(payloads) > limit else None}

    @app.get("/api/v1/app-conversations/search", response_model=Page)
    async def search_conversations(limit: int, session: AsyncSession = Depends(reading)):
        page = select(Conversation).where(Conversation.has_parent == false())
        page = page.order_by(Conversation.created_at.desc(), Conversation.id.desc()).limit(limit + 1)
        rows = (await session.execute(page)).scalars().all()
        return Page(items=[shown(c) for c in rows[:limit]], next_page_id="next" if len(rows) > limit else None)

    return app
