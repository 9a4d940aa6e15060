"""What the conversions promise."""

import unittest

from tempo import celsius_to_fahrenheit, fahrenheit_to_celsius


class Conversions(unittest.TestCase):
    """Known points of the scales."""

    def test_water_boils(self) -> None:
        """Water boils at 100 °C, which is 212 °F."""
        self.assertEqual(celsius_to_fahrenheit(100), 212)

    def test_there_and_back(self) -> None:
        """Converting there and back changes nothing."""
        self.assertAlmostEqual(fahrenheit_to_celsius(celsius_to_fahrenheit(21.5)), 21.5)
