"""The one exception that a user's mistake raises."""


class UserError(Exception):
    """Something the user can mend: wrong parameters, a corrupt archive, a missing network.

    The message is one clear line that names what is wrong and what to do. The command line prints
    it without a traceback and exits with code 1.
    """
