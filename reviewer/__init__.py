"""The app: workspace, decisions, queue, runs, export and the web interface; no torch."""
