"""Answers questions about revision graphs with the real Alembic.

Reads one JSON object a line, {"revisions": [...], "queries": [...]}, and
writes one line with the answer to each query, or {"error": ...} if the graph
is refused.
"""

import io
import json
import os
import sys
import tempfile
import types
import warnings
from unittest import mock

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import HeadMaintainer
from alembic.script.base import Script, ScriptDirectory
from alembic.script.revision import RevisionMap

warnings.simplefilter("ignore")
FOLDER = tempfile.TemporaryDirectory()
os.mkdir(os.path.join(FOLDER.name, "versions"))


def upgrade():
    pass


def downgrade():
    pass


class Rows(HeadMaintainer):
    """Records the row operations; the set of rows is Alembic's own."""

    def __init__(self, rows):
        super().__init__(mock.MagicMock(as_sql=True), rows)
        self.forget()

    def forget(self):
        self.deletes, self.inserts, self.updates = [], [], []

    def _insert_version(self, version):
        super()._insert_version(version)
        self.inserts.append(version)

    def _delete_version(self, version):
        super()._delete_version(version)
        self.deletes.append(version)

    def _update_version(self, from_, to_):
        super()._update_version(from_, to_)
        self.updates.append({"From": from_, "To": to_})


def script(revision):
    module = types.SimpleNamespace(
        __doc__=revision["doc"],
        down_revision=tuple(revision["down"]) or None,
        depends_on=tuple(revision["depends"]) or None,
        branch_labels=tuple(revision["labels"]) or None,
        upgrade=upgrade,
        downgrade=downgrade,
    )
    return Script(module, revision["id"], revision["path"])


def directory(revisions):
    scripts = [script(r) for r in revisions]
    d = ScriptDirectory(FOLDER.name)
    d.revision_map = RevisionMap(lambda: scripts)
    d.revision_map._revision_map
    # Sets of Alembic have whichever order Python gives them: let it be the
    # one that a graph of ours has.
    index = {s.revision: i for i, s in enumerate(scripts)}
    for s in scripts:
        s.branch_labels = sorted(s.branch_labels)
        s.nextrev = tuple(sorted(s.nextrev, key=index.get))
        kept = set(s._normalized_resolved_dependencies)
        s._normalized_resolved_dependencies = tuple(
            d for d in s._resolved_dependencies if d in kept
        )
    return d


def steps(planned, rows):
    maintainer = Rows(rows)
    out = []
    for step in planned:
        before = set(maintainer.heads)
        maintainer.forget()
        maintainer.update_to_step(step)
        out.append(
            {
                "text": str(step),
                "deletes": maintainer.deletes,
                "inserts": maintainer.inserts,
                "updates": maintainer.updates,
                "open": bool(before.difference(step.from_revisions))
                or step.should_unmerge_branches(before),
                "rows": sorted(maintainer.heads),
            }
        )
    return {"steps": out}


def ids(revisions):
    out = []
    for r in revisions:
        out.append(r.revision)  # None and "base" have none
    return {"ids": out}


def history(d, q):
    base, head = q["start"], q["end"]
    if base == "current":
        base = tuple(q["rows"])
    if head == "current":
        head = tuple(q["rows"])
    return list(d.walk_revisions(base=base or "base", head=head or "heads"))


def texts(d, q):
    out = []
    every = {s.revision: s for s in d.revision_map._revision_map.values() if s}
    for s in every.values():
        s._db_current_indicator = s.revision in q["rows"]
        out += [
            s.cmd_format(False, include_branches=True, tree_indicators=False),
            s.cmd_format(False),
            s.cmd_format(
                False,
                include_branches=True,
                include_doc=True,
                include_parents=True,
            ),
            s.cmd_format(True),
        ]
    return {"text": out}


def printed(d, q):
    """What the commands print that need no database."""
    out = []

    def run(fn, *args, **kw):
        config = Config(stdout=io.StringIO())
        fn(config, *args, **kw)
        out.append(config.stdout.getvalue())

    with mock.patch.object(ScriptDirectory, "from_config", lambda config: d):
        for verbose in (False, True):
            run(command.heads, verbose)
            run(command.heads, verbose, resolve_dependencies=True)
            run(command.branches, verbose)
            run(command.history, None, verbose)
        run(command.show, "heads")
    return {"text": out}


def new(d, q):
    """What ScriptDirectory.generate_revision writes into the new file."""
    written = {}
    d._generate_template = lambda src, dest, **kw: written.update(kw)
    with mock.patch.object(Script, "_from_path", lambda *a: None):
        d.generate_revision(
            q["id"],
            "new",
            head=q["targets"],
            splice=q["splice"],
            depends_on=q["depends"] or None,
        )
    as_list = lambda v: [v] if isinstance(v, str) else list(v or ())
    return {
        "ids": as_list(written["down_revision"]),
        "text": as_list(written["depends_on"]),
    }


ASK = {
    "heads": lambda d, q: {"ids": d.get_heads()},
    "bases": lambda d, q: {"ids": d.get_bases()},
    "order": lambda d, q: ids(d.walk_revisions()),
    "get": lambda d, q: ids([d.get_revision(q["target"])]),
    "select": lambda d, q: ids(d.get_revisions(q["target"])),
    "current": lambda d, q: ids(d.get_all_current(tuple(q["rows"]))),
    "upgrade": lambda d, q: steps(
        d._upgrade_revs(q["target"], tuple(q["rows"])), q["rows"]
    ),
    "downgrade": lambda d, q: steps(
        d._downgrade_revs(q["target"], tuple(q["rows"])), q["rows"]
    ),
    "stamp": lambda d, q: steps(
        d._stamp_revs(tuple(q["targets"]), tuple(q["rows"])), q["rows"]
    ),
    "history": lambda d, q: ids(history(d, q)),
    "texts": texts,
    "printed": printed,
    "new": new,
}


def answer(d, q):
    try:
        return ASK[q["ask"]](d, q)
    except Exception as e:
        return {"error": "%s: %s" % (type(e).__name__, e)}


for request in sys.stdin:
    request = json.loads(request)
    try:
        d = directory(request["revisions"])
        answers = [answer(d, q) for q in request["queries"]]
    except Exception as e:
        answers = [{"error": "%s: %s" % (type(e).__name__, e)}]
    print(json.dumps(answers), flush=True)
