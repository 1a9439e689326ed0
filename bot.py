"""Where Pipecat's runner and Pipecat Cloud look for the bot."""

from deepguard.bot import bot

__all__ = ["bot"]

if __name__ == "__main__":
    from pipecat.runner.run import main

    main()
