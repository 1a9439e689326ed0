"""Where Pipecat's runner and Pipecat Cloud look for the bot."""

import sys

from deepguard.bot import bot, check_start
from deepguard.errors import DeepguardError

__all__ = ["bot"]

if __name__ == "__main__":
    from pipecat.runner.run import main

    try:
        check_start()
    except DeepguardError as error:
        sys.exit(f"deepguard: {error}")
    main()
