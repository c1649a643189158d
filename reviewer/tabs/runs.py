"""The runs tab: one element; everything in it is drawn by `assets/web/runs.js`."""

import gradio as gr

# Nothing is asked of the server before the tab is first shown.
MOUNT = """
const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    import('/web/runs.js')
        .then((module) => module.mount(element))
        .catch((error) => {
            console.error(error);
            element.textContent = 'The runs could not be loaded: ' + error.message;
        });
});
seen.observe(element);
"""


def build() -> None:
    """Add the runs to the page that is being built."""
    gr.HTML(
        '<p style="min-height: 1px">Opening the runs</p>',
        js_on_load=MOUNT,
        elem_id="runs",
        padding=False,
        apply_default_css=False,
    )
