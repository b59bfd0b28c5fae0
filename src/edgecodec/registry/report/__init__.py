"""The release report: one self-contained HTML page that tells what a version is, reaches, costs, and comes from."""
