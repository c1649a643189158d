"""A tab whose content a module of `assets/web` draws, and not before it is first shown."""

import gradio as gr

# Nothing is fetched and nothing asked of the server before: plotly.js is larger than the rest of the page.
MOUNT = """
const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    import('/web/%(name)s.js')
        .then((module) => module.mount(element))
        .catch((error) => {
            console.error(error);
            element.textContent = 'The %(name)s could not be loaded. If the reviewer was stopped, ' +
                'start it again with python -m reviewer; then reload this page.';
        });
});
seen.observe(element);
"""


def build_later(name: str) -> None:
    """Add the element that `name`.js draws into to the page that is being built; name: also its words."""
    gr.HTML(
        f'<p style="min-height: 1px">Opening the {name}</p>',
        js_on_load=MOUNT % {"name": name},
        elem_id=name,
        padding=False,
        apply_default_css=False,
    )
