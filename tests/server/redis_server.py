"""A Redis server of the tests' own."""

import subprocess
from pathlib import Path

from tests.mongo_server import answers, free_port


class Redis:
    """A Redis server that can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        words = ["redis-server", "--port", str(self.port), "--save", "", "--dir", str(self.folder)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        assert answers(self.port), "it did not start"

    def run(self, *words: str) -> str:
        """What a command of its client prints."""
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def stop(self) -> None:
        self.process.kill()
        self.process.wait(20)
