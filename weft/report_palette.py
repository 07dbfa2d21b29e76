"""The report's colours, once for light and once for dark, and the contrast that WCAG asks of them.

Every colour a reader has to tell apart is paired here with what it stands on; the pairs are a test.
"""

from __future__ import annotations

TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3, level AA, for text of normal size."""
SHAPE_CONTRAST = 3.0
"""WCAG 2.2, 1.4.11, level AA, for graphical objects and the borders of controls."""

LIGHT = {
    "page": "#f6f7f9",
    "card": "#ffffff",
    "inset": "#f0f2f5",
    "line": "#d9dde3",
    "control": "#7d8794",
    "text": "#171b21",
    "muted": "#545d69",
    "link": "#1a56b8",
    "bad": "#b3261e",
    "bad-wash": "#fdeceb",
    "good": "#17703f",
    "good-wash": "#e6f5ec",
    "warn": "#8a5200",
    "warn-wash": "#fdf2de",
    "info": "#1a56b8",
    "info-wash": "#e8f0fc",
    "running": "#2566c4",
    "running-ink": "#ffffff",
    "ready": "#dbe7f9",
    "ready-ink": "#173a70",
    "ready-mark": "#4c7cc4",
    "blocked": "#c8372d",
    "blocked-ink": "#ffffff",
    "blocked-mark": "#a3211a",
    "gil": "#f2b13c",
    "gil-ink": "#3b2600",
    "gil-mark": "#9a6200",
    "sleeping": "#e3e6ea",
    "sleeping-ink": "#39424d",
    "sleeping-mark": "#76808c",
    "release": "#d8eee0",
    "release-ink": "#0d4a28",
    "release-mark": "#2c8a57",
    "other": "#e6dff5",
    "other-ink": "#2b1a52",
    "other-mark": "#7a5dbd",
    "join": "#d3eef0",
    "join-ink": "#06474c",
    "join-mark": "#14858c",
    "series-1": "#2566c4",
    "series-2": "#b8480e",
    "series-3": "#17703f",
    "series-4": "#8b3fae",
    "series-5": "#a01f5b",
    "series-6": "#0c7076",
    "series-7": "#7a5c00",
    "series-8": "#4a5563",
    "zone-near": "#d9e6f7",
    "zone-far": "#edf3fb",
    "heat-1": "#cfe0f5",
    "heat-1-ink": "#12335f",
    "heat-2": "#e9f0f8",
    "heat-2-ink": "#2a3a4c",
    "heat-3": "#fbe6c8",
    "heat-3-ink": "#573600",
    "heat-4": "#f0ae62",
    "heat-4-ink": "#3d2000",
    "heat-5": "#a8480a",
    "heat-5-ink": "#ffffff",
}

DARK = {
    "page": "#101317",
    "card": "#181c22",
    "inset": "#20252d",
    "line": "#333a44",
    "control": "#7d8896",
    "text": "#e8ebef",
    "muted": "#a5aeba",
    "link": "#85b4ff",
    "bad": "#ff9389",
    "bad-wash": "#3a1a18",
    "good": "#6fd39b",
    "good-wash": "#12301f",
    "warn": "#f3bd5d",
    "warn-wash": "#352609",
    "info": "#85b4ff",
    "info-wash": "#172a47",
    "running": "#5b97ee",
    "running-ink": "#081a35",
    "ready": "#1e3558",
    "ready-ink": "#cfe0fb",
    "ready-mark": "#5b87c9",
    "blocked": "#ef6a5f",
    "blocked-ink": "#2b0503",
    "blocked-mark": "#ffaaa2",
    "gil": "#d99a2b",
    "gil-ink": "#241700",
    "gil-mark": "#ffd990",
    "sleeping": "#2b323b",
    "sleeping-ink": "#c8d0da",
    "sleeping-mark": "#76828f",
    "release": "#17402a",
    "release-ink": "#c5f0d6",
    "release-mark": "#45a873",
    "other": "#372b58",
    "other-ink": "#efe8ff",
    "other-mark": "#a68be6",
    "join": "#113b3f",
    "join-ink": "#c3eef1",
    "join-mark": "#3fa3aa",
    "series-1": "#6ea6f5",
    "series-2": "#f4904d",
    "series-3": "#5cc98c",
    "series-4": "#cd92ec",
    "series-5": "#f288b6",
    "series-6": "#4fc4ca",
    "series-7": "#d8b441",
    "series-8": "#aeb8c4",
    "zone-near": "#22385a",
    "zone-far": "#1d2838",
    "heat-1": "#234674",
    "heat-1-ink": "#dce9fb",
    "heat-2": "#25303d",
    "heat-2-ink": "#c9d6e4",
    "heat-3": "#4a3512",
    "heat-3-ink": "#ffdf9f",
    "heat-4": "#8f5212",
    "heat-4-ink": "#fff0d8",
    "heat-5": "#f0a050",
    "heat-5-ink": "#2b1400",
}

_SURFACES = ("page", "card", "inset")
_FILLS = ("running", "ready", "blocked", "gil", "sleeping", "release", "other", "join")

TEXT_PAIRS = [
    *((ink, surface) for ink in ("text", "muted", "link") for surface in _SURFACES),
    *((tone, ground) for tone in ("bad", "good", "warn", "info") for ground in ("card", f"{tone}-wash")),
    *((f"{fill}-ink", fill) for fill in _FILLS),
    *((f"series-{index}", "card") for index in range(1, 9)),
    *((f"heat-{index}-ink", f"heat-{index}") for index in range(1, 6)),
]
"""(text, background)."""
SHAPE_PAIRS = [
    *(("control", surface) for surface in _SURFACES),
    *((fill, "card") for fill in ("running", "blocked")),
    *((f"{fill}-mark", "card") for fill in _FILLS if fill != "running"),
    *((mark, zone) for mark in ("series-1", "series-2", "muted") for zone in ("zone-near", "zone-far")),
]
"""(shape or border, background). A pale fill is told apart by its border, which is its ``-mark``."""


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2, "relative luminance")."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def style_sheet() -> str:
    """Both palettes as CSS variables; paper gets the light one."""

    def variables(palette: dict[str, str]) -> str:
        return "".join(f"--{name}:{colour};" for name, colour in palette.items())

    return f":root{{{variables(LIGHT)}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{variables(DARK)}}}}}"
