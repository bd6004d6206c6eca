"""The rules of money, lived a second time: what `lives.py` compares a running server with. No code of the product, no look into it."""
