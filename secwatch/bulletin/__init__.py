"""The weekly bulletin: composed once, rendered for the terminal, HTML and Markdown."""
