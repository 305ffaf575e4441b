"""Runs of `verify` in the background."""

import os
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

# Reports of a run before.
EARLIER = {
    "report.json": '{\n  "schema": 2,\n  "complete": true,\n  "records": []\n}\n',
    "report.html": "<!DOCTYPE html>\n<title>Earlier</title>\n",
}
# Enough for a machine that is busy with other tests; a run that hangs never ends.
PATIENCE = 90


def write_three(project: Path) -> None:
    """Specs of three architectures that HuggingFace has."""
    for name, parent in (("a", "Llama"), ("b", "Mistral"), ("c", "Qwen2")):
        (project / "specs" / f"{name}.yaml").write_text(
            f"architecture: {parent}ForCausalLM\nextends: {parent.lower()}\nsummary: {name}.\n"
        )


def heed_interrupts() -> None:
    """Ignoring them is inherited: shells make background processes do so, `nohup` all it runs."""
    for request in (signal.SIGINT, signal.SIGHUP):
        signal.signal(request, signal.SIG_DFL)


class Started:
    """A run in the background, whose processes are known by a mark in their environment."""

    def __init__(self, project: Path, *arguments: str, **environment: str) -> None:
        self.mark = f"ADAPTERGEN_TEST_MARK={uuid.uuid4()}"
        self.report = project / "report.json"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "adaptergen", "verify", "--only", "boot.module", *arguments],
            cwd=project, env={**os.environ, name: value, **environment}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=heed_interrupts, text=True,
        )  # fmt: skip

    def wait_until_two_hang(self) -> None:
        """Until a is recorded and both processes are busy with b and c."""
        assert self.process.stderr
        while "verifying c" not in self.process.stderr.readline():
            assert self.process.poll() is None
        until = time.monotonic() + PATIENCE
        while self.names.count("sleep") < 2:
            assert time.monotonic() < until
            time.sleep(0.1)

    def wait_for_imports(self) -> None:
        """Until the process that others are forked from imports torch."""
        until = time.monotonic() + PATIENCE
        while not any("libtorch" in maps for maps in self._read("maps")):
            assert time.monotonic() < until
            assert self.process.poll() is None
            time.sleep(0.02)

    @property
    def names(self) -> list[str]:
        """The names of the programs that run."""
        return [text.strip() for text in self._read("comm")]

    def _read(self, what: str) -> list[str]:
        found = []
        for pid in self.left:
            with suppress(OSError):
                found.append(Path(f"/proc/{pid}/{what}").read_text())
        return found

    @property
    def left(self) -> list[int]:
        """The processes of this run that are there now."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if folder.name.isdigit() and self.mark.encode() in environment:
                found.append(int(folder.name))
        return found

    def none_left(self) -> bool:
        """Whether all processes have ended, after some time to do so."""
        until = time.monotonic() + PATIENCE
        while self.left and time.monotonic() < until:
            time.sleep(0.1)
        return not self.left
