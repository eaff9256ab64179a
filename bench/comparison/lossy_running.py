"""One run over a bad path: a server, `holler impair` before it, and one who asks; and many such runs at a time, because
nearly all of their time is waiting."""

import asyncio
import contextlib
import json
import time

from comparison import lossy_cases, running

LINE_BYTES_MAX = 1 << 24
PATIENCE_SECONDS = 100  # beyond the time for asking, as in bench/peers/asking.hpp
AT_ONCE = 48            # runs that may be open


class Child:
    """A program whose lines are read; ended by its pid when the `async with` block is left."""

    def __init__(self, *command):
        self._command = [str(word) for word in command]

    async def __aenter__(self):
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX)
        return self

    async def __aexit__(self, *_):
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
        try:
            await asyncio.wait_for(self._process.communicate(), 5)
        except asyncio.TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def line(self, seconds):
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        except asyncio.TimeoutError:
            raise running.Failed(f"{self._command[0]} said nothing for {seconds:.0f} s") from None
        if not line.endswith(b"\n"):
            said = (await self._process.stderr.read(2000)).decode(errors="replace").strip()
            raise running.Failed(f"{self._command[0]} has ended: {said or 'no word'}")
        read = line.decode()
        if read.startswith('{"cannot"'):
            raise running.Cannot(json.loads(read)["cannot"])
        return read

    async def last_json(self, seconds):
        """Ends it, and reads its last line."""
        self._process.terminate()
        said, _ = await asyncio.wait_for(self._process.communicate(), seconds)
        return json.loads(said.decode().splitlines()[-1])


async def run(asker, path, seed, questions, seconds):
    """What the asker has said, with what the relay has counted under "relay", and when the relay began under "relay_began"."""
    peer = lambda program, *words: Child(running.BIN / f"peer_{program}", *words)
    mode = lambda name: ["--mode", name] if name else []
    outstanding = ["--outstanding", lossy_cases.OUTSTANDING]
    async with contextlib.AsyncExitStack() as open_until_the_end:
        server = await open_until_the_end.enter_async_context(peer(asker.serve_program, "serve", *outstanding, *mode(asker.serve_mode)))
        port = (await server.line(running.START_SECONDS)).split()[1]
        relay = await open_until_the_end.enter_async_context(
            Child(running.BIN / "holler", "impair", "127.0.0.1:0", f"127.0.0.1:{port}", *path.options(), "--seed", seed,
                  "--json", "--interval", "1h"))
        listening = json.loads(await relay.line(running.START_SECONDS))
        relay_began = time.monotonic_ns()
        asking = await open_until_the_end.enter_async_context(
            peer(asker.program, "ask", "--to", f"127.0.0.1:{listening['port']}", "--bytes", lossy_cases.BYTES,
                 *outstanding, "--questions", questions, "--seconds", seconds, *mode(asker.ask_mode)))
        said = json.loads(await asking.line(seconds + PATIENCE_SECONDS + running.FINISH_SECONDS))
        said["relay"] = await relay.last_json(running.FINISH_SECONDS)
        said["relay_began"] = relay_began
        return said


async def run_all(plan, spacing_seconds, report):
    """`plan` is [[(key, coroutine function)]]: what stands together begins together, and the next when these have ended, but
    after `spacing_seconds` at the latest. Calls report(key, what it returned, or the exception) after each."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(key, begin):
        async with room:
            try:
                outcome = await begin()
            except (running.Failed, running.Cannot, asyncio.TimeoutError, ValueError) as reason:
                outcome = reason
        report(key, outcome)

    begun = []
    try:
        for together in plan:
            tasks = [asyncio.create_task(one(key, begin)) for key, begin in together]
            begun += tasks
            await asyncio.wait(tasks, timeout=spacing_seconds)
        await asyncio.gather(*begun)
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)
