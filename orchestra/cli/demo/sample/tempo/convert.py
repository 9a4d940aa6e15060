"""Conversions between scales."""


def celsius_to_fahrenheit(degrees: float) -> float:
    """Convert degrees Celsius to degrees Fahrenheit."""
    return degrees * 9 / 5 + 32


def fahrenheit_to_celsius(degrees: float) -> float:
    """Convert degrees Fahrenheit to degrees Celsius."""
    return (degrees - 32) * 5 / 9
