"""Makes the tables of a small application as SQLAlchemy and Alembic make them."""
import enum
import os

import sqlalchemy as sa
from alembic.migration import MigrationContext
from sqlalchemy.orm import declarative_base, relationship

Base = declarative_base()


class Status(enum.Enum):
    draft = 1
    live = 2
    gone = 3


post_tags = sa.Table(
    "post_tags",
    Base.metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("tag_id", sa.ForeignKey("tags.id"), primary_key=True),
)


class User(Base):
    __tablename__ = "users"
    id = sa.Column(sa.Integer, primary_key=True)
    email = sa.Column(sa.String(255), nullable=False, unique=True)
    name = sa.Column(sa.String(80))
    active = sa.Column(sa.Boolean, nullable=False, server_default=sa.true())
    created = sa.Column(sa.DateTime, nullable=False, server_default=sa.func.now())
    seen = sa.Column(sa.DateTime(timezone=True))
    balance = sa.Column(sa.Numeric(10, 2), nullable=False, server_default="0")
    level = sa.Column(sa.SmallInteger, nullable=False, server_default=sa.text("1"))
    role = sa.Column(sa.String(20), nullable=False, server_default="user, plain")
    meta = sa.Column(sa.JSON)
    bio = sa.Column(sa.Text)
    photo = sa.Column(sa.LargeBinary)
    born = sa.Column(sa.Date)
    boss_id = sa.Column(sa.Integer, sa.ForeignKey("users.id", ondelete="SET NULL"))
    boss = relationship("User", remote_side=[id])


class Post(Base):
    __tablename__ = "posts"
    id = sa.Column(sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(start=100), primary_key=True)
    user_id = sa.Column(sa.Integer, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)
    title = sa.Column(sa.String(200), nullable=False, comment="what lists show")
    slug = sa.Column(sa.String(50), nullable=False)
    locale = sa.Column(sa.String(5), nullable=False)
    status = sa.Column(sa.Enum(Status, name="post_status"), nullable=False, server_default="draft")
    score = sa.Column(sa.Float)
    stars = sa.Column(sa.Integer, nullable=False)
    tags = relationship("Tag", secondary=post_tags)
    __table_args__ = (
        sa.UniqueConstraint("slug", "locale"),
        sa.CheckConstraint("stars >= 0"),
        sa.CheckConstraint("stars < 100", name="ck_posts_stars"),
        sa.Index("ix_posts_newest", "user_id", sa.desc("id")),
        sa.Index("ix_posts_good", "stars", postgresql_where=sa.text("stars > 3"), sqlite_where=sa.text("stars > 3")),
    )


class Tag(Base):
    __tablename__ = "tags"
    id = sa.Column(sa.Integer, primary_key=True)
    label = sa.Column(sa.String(30), nullable=False, unique=True)


sa.Index("ix_users_lower", sa.func.lower(User.email)) if os.environ["DATABASE_URL"].split(":")[0].split("+")[0] != "mysql" else None

engine = sa.create_engine(os.environ["DATABASE_URL"])
with engine.begin() as connection:
    Base.metadata.create_all(connection)
    MigrationContext.configure(connection)._ensure_version_table()
    connection.execute(sa.text("INSERT INTO alembic_version VALUES ('1f0c2d9a4b7e')"))
    connection.execute(sa.text("INSERT INTO users (email) VALUES ('a@example.com')"))
    connection.execute(sa.text("INSERT INTO posts (user_id, title, slug, locale, stars) VALUES (1, 'One', 'one', 'en', 5)"))
    connection.execute(sa.text("INSERT INTO tags (label) VALUES ('go')"))
