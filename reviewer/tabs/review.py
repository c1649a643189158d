"""The review tab: one element; everything in it is drawn by `assets/web/review.js`."""

import gradio as gr

# The module draws into the element and brings its own style sheet. A failure to load must be seen.
MOUNT = """
import('/web/review.js')
    .then((module) => module.mount(element))
    .catch((error) => {
        console.error(error);
        element.textContent = 'The review card could not be loaded. If the reviewer was stopped, ' +
            'start it again with python -m reviewer; then reload this page.';
    });
"""


def build() -> None:
    """Add the review card to the page that is being built."""
    gr.HTML("", js_on_load=MOUNT, elem_id="review", padding=False, apply_default_css=False)
