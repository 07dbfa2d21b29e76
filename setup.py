"""The folder mapping: the four top-level rooms are installed as sub-packages of ``weft``.

All metadata is in ``pyproject.toml``; only what setuptools cannot express there is here.
"""

from setuptools import find_packages, setup

package_dir = {"weft": "weft"}
packages = [
    "weft",
    *(f"weft.{sub}" for sub in find_packages("weft", exclude=["simcore*", "checkers*", "models*", "real_runs*"])),
]
for folder in ("simcore", "checkers", "models", "real_runs"):
    package_dir[f"weft.{folder}"] = folder
    packages += [f"weft.{folder}", *(f"weft.{folder}.{sub}" for sub in find_packages(folder))]

setup(packages=packages, package_dir=package_dir)
