"""Text on pictures: an episode's figures, and captions."""

from PIL import Image, ImageDraw, ImageFont


class Overlay:
    """Writes figures on a dark strip along a picture's lower edge, in letters that scale with the picture.

    A picture too small for legible letters stays unchanged.
    """

    def __init__(self, width: int, height: int):
        size = min(width / 32, height / 16)
        self.legible = size >= 8
        self.margin = size * 0.6
        self.strip = (0, height - round(size * 2.5), width, height)
        self.column = width * 0.22
        self.large = ImageFont.load_default(size=size)
        self.small = ImageFont.load_default(size=max(8.0, size * 0.65))
        self.top = self.strip[1] + size * 0.4  # of the labels, in pixels
        self.base = height - size * 0.6  # base line of the values

    def draw(self, image: Image.Image, name: str, episode: str, figures: dict[str, str]) -> None:
        """Write a robot's name, the episode and each figure under its label onto an RGB picture."""
        if not self.legible:
            return
        canvas = ImageDraw.Draw(image, "RGBA")  # blends transparent colours
        canvas.rectangle(self.strip, fill=(16, 20, 28, 190))
        columns = [(self.margin, name, episode)]
        left = self.strip[2] - self.column * len(
            figures
        )  # the figures are aligned to the right, for any number of them
        columns += [(left + i * self.column, label, value) for i, (label, value) in enumerate(figures.items())]
        for x, label, value in columns:
            canvas.text((x, self.top), label, font=self.small, fill=(190, 200, 212), anchor="lt")
            canvas.text((x, self.base), value, font=self.large, fill=(255, 255, 255), anchor="ls")


class Caption:
    """Writes one line on a dark strip along the lower edge of a tile.

    A tile too small for legible letters stays unchanged.
    """

    def __init__(self, width: int, height: int):
        size = min(width / 18, height / 13)
        self.legible = size >= 8
        self.strip = (0, height - round(size * 1.5), width, height)
        self.font = ImageFont.load_default(size=size)
        self.margin = size * 0.5
        self.base = height - size * 0.45

    def draw(self, image: Image.Image, left: str, right: str) -> None:
        """Write two texts onto an RGB picture, one at each end."""
        if not self.legible:
            return
        canvas = ImageDraw.Draw(image, "RGBA")
        canvas.rectangle(self.strip, fill=(16, 20, 28, 190))
        canvas.text((self.margin, self.base), left, font=self.font, fill=(255, 255, 255), anchor="ls")
        canvas.text((self.strip[2] - self.margin, self.base), right, font=self.font, fill=(190, 200, 212), anchor="rs")
