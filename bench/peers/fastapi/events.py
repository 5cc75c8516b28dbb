"""The three routes that all contenders have."""

PAGE_SIZE = 50


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

    if PYDANTIC_1:

        class Config:
            orm_mode = True

    else:
        model_config = {"from_attributes": True}


def as_dict(fields):
    return fields.dict() if PYDANTIC_1 else fields.model_dump()


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
