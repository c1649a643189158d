"""The page: Gradio mounted behind our own routes."""

import html
import os

# Gradio reads these when it is imported: no telemetry, no look-ups of other machines.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import gradio as gr
from fastapi import FastAPI
from gradio.themes import Default

from reviewer.assets import asset_path
from reviewer.desk import Desk
from reviewer.first_script import FirstScript
from reviewer.server import create_server
from reviewer.tabs import data, map, review, runs, sheets
from reviewer.watch import Watcher


def build_page(desk: Desk) -> gr.Blocks:
    """Return the page: review, sheets, map, runs, data."""
    hidden = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    with gr.Blocks(title=f"{desk.workspace.config.name} · Labelsieve", fill_width=True) as page:
        # For whoever hears the page: it is not seen, the tabs begin at the top.
        title = f"<h1>{html.escape(desk.workspace.config.name)}, Labelsieve</h1>"
        gr.HTML(title, elem_id="page-title", padding=False, apply_default_css=False)
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Review", id="review", elem_id="review-tab"):
                review.build()
            with gr.Tab("Sheets", id="sheets", elem_id="sheet-tab"):
                sheets.build()
            with gr.Tab("Map", id="map"):
                map.build()
            with gr.Tab("Runs", id="runs"):
                runs.build()
            with gr.Tab("Data", id="data") as tab, gr.Column(elem_id="data-pane"):
                filled = data.build()

        def refresh() -> tuple[str, list[list], gr.Dataframe, str]:
            return data.refresh(desk)

        # The page is built once and served to every load, so what can change is fetched anew.
        tab.select(refresh, outputs=list(filled), **hidden)
        page.load(refresh, outputs=list(filled), **hidden)
    return page


def build_app(desk: Desk, watcher: Watcher) -> FastAPI:
    """Return the whole app: our routes first (after the mount they would be 404), Gradio at `/`.

    It stands behind no guard yet: what serves it puts one around everything that it serves.
    """
    server = create_server(desk, watcher)
    server.add_middleware(FirstScript)
    gr.mount_gradio_app(
        server,
        build_page(desk),
        path="/",
        css=(asset_path("web") / "page.css").read_text(encoding="utf-8"),
        # Fonts of the system: a theme's own would be fetched from elsewhere.
        theme=Default(
            primary_hue="teal",
            font=["system-ui", "sans-serif"],
            font_mono=["ui-monospace", "monospace"],
        ),
        footer_links=[],
        run_history=False,
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        show_error=True,
    )
    return server
