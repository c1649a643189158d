"""What the server's socket is like."""

import asyncio
import socket

from reviewer.serve import _listen


def test_answers_are_sent_at_once_and_not_kept_for_40_ms():
    """Without TCP_NODELAY an answer of two parts waits until the first has been acknowledged."""

    async def delays() -> int:
        listener = _listen("127.0.0.1", 0)
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            taken = writer.get_extra_info("socket")
            accepted.set_result(taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            found = await asyncio.wait_for(accepted, 5)
            writer.close()
        return found

    assert asyncio.run(delays()) != 0
