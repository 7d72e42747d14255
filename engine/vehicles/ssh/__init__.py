"""Hosts that are reached by SSH: connections, commands on them, and Docker engines behind them."""
