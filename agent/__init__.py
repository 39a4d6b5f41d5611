"""openbell: is the desk ready when the bell rings?"""

__version__ = "0.1.0"
