"""The map tab: one element; everything in it is drawn by `assets/web/map.js`."""

import gradio as gr

# Nothing is fetched before the tab is first shown: plotly.js is larger than the rest of the page.
MOUNT = """
const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    import('/web/map.js')
        .then((module) => module.mount(element))
        .catch((error) => {
            console.error(error);
            element.textContent = 'The map could not be loaded: ' + error.message;
        });
});
seen.observe(element);
"""


def build() -> None:
    """Add the map to the page that is being built."""
    gr.HTML(
        '<p style="min-height: 1px">Opening the map</p>',
        js_on_load=MOUNT,
        elem_id="map",
        padding=False,
        apply_default_css=False,
    )
