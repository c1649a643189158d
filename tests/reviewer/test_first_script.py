from fastapi import FastAPI
from fastapi.responses import HTMLResponse, StreamingResponse
from fastapi.testclient import TestClient

from reviewer.first_script import FirstScript

PAGE = '<head><script>a</script><script type="module" src="x"></script><script type="module"></script></head>'


def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(FirstScript)

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(PAGE, headers={"x-kept": "yes"})

    @app.get("/other")
    def other() -> StreamingResponse:
        return StreamingResponse(iter([PAGE[:20].encode(), PAGE[20:].encode()]))

    return TestClient(app)


def test_our_script_comes_before_the_first_module():
    answer = client().get("/")
    assert answer.text == PAGE.replace(
        '<script type="module" src', '<script src="/web/first.js"></script><script type="module" src'
    )
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["x-kept"] == "yes"


def test_nothing_else_is_touched():
    assert client().get("/other").text == PAGE
    assert client().get("/missing").status_code == 404
    assert client().head("/").status_code == 405
