"""The web server: offers, the live stream, health, and the playground page."""
