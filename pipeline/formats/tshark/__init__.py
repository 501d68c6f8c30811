"""Exports of tshark and capture files."""
