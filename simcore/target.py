"""Targets: what the user asks to run, loaded so that every execution starts from the same state.

A target is a script, a function in a file or module, or ``-m package``. The program's own modules are executed anew,
from compiled code kept in memory, for every execution; the standard library and installed packages are not.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .instrument import Instrument
from .locate import TargetError, locate
from .primitives import collecting

__all__ = ["BrokenModule", "Instrument", "Target", "TargetError", "check_parameters", "compile_file", "parse_target"]


class BrokenModule(TargetError, SyntaxError):
    """A module that the program imports has a syntax error: to the program itself still the SyntaxError it would be."""


class _Loader(importlib.abc.Loader):
    """Executes a module from compiled code kept in memory."""

    def __init__(self, code: types.CodeType, path: str, module: types.ModuleType | None = None) -> None:
        self.code = code
        self.path = path
        self.module = module
        """Imported before the program, by others who hold it: executed again, it stays the same object."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self.module

    def exec_module(self, module: types.ModuleType) -> None:
        exec(self.code, module.__dict__)

    def get_source(self, name: str) -> str:
        return Path(self.path).read_text(encoding="utf-8")


class _OwnModules(importlib.abc.MetaPathFinder):
    """Finds the program's own modules a second time without the file system, and forgets them between executions."""

    def __init__(self, roots: Sequence[str], instrument: Instrument | None = None) -> None:
        self.roots = tuple(roots)
        self.specs: dict[str, importlib.machinery.ModuleSpec] = {}
        self.baseline = set(sys.modules)
        self.instrument = instrument
        self.instrumented: dict[str, str] = {}
        """The modules whose code was rewritten, and their files."""
        self.not_seen: dict[str, None] = {}
        self.taken: dict[str, tuple[types.ModuleType, dict[str, Any]]] = {}
        """Modules imported before the program that are executed again, and what was in them."""

    def take(self, name: str) -> None:
        """Let the program have a module that was imported before as if it had not been."""
        module = sys.modules[name]
        self.taken[name] = (module, dict(vars(module)))

    def give_back(self) -> None:
        for name, (module, before) in self.taken.items():
            sys.modules[name] = module
            now = vars(module)
            now.clear()
            now.update(before)
        self.taken.clear()

    def compile(self, name: str, source: bytes, file: str) -> types.CodeType:
        """With hooks, if that was asked for.

        Raises:
            SyntaxError: as from :func:`compile`.
        """
        if self.instrument is None or not (self.instrument.own or self.instrument.matches(name)):
            return compile_plain(source, file)
        # Loaded here, since most commands that read a target rewrite nothing.
        from .rewriting import rewrite

        rewritten = rewrite(source, file, self.instrument.folder)
        self.instrumented[name] = file
        self.not_seen.update(dict.fromkeys(rewritten.not_seen))
        return rewritten.code

    def owns(self, file: str | None) -> bool:
        return (
            file is not None and file.startswith(self.roots) and "/site-packages/" not in file[len(self.roots[0]) - 1 :]
        )

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        known = self.specs.get(fullname)
        if known is not None:
            return importlib.util.spec_from_file_location(
                fullname, known.origin, loader=known.loader, submodule_search_locations=known.submodule_search_locations
            )
        found = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if found is None:
            return found
        owns = self.owns(found.origin)
        named = self.instrument is not None and self.instrument.matches(fullname)
        if not owns and not named:
            return found
        if found.origin is None or not isinstance(found.loader, importlib.machinery.SourceFileLoader):
            if self.instrument is not None and found.origin is not None:
                self.not_seen[f"module {fullname} has no Python source ({found.origin})"] = None
            return found
        try:
            if self.instrument is not None and (named or self.instrument.own):
                code = self.compile(fullname, found.loader.get_data(found.origin), found.origin)
            else:
                code = found.loader.get_code(fullname)
        except SyntaxError as error:
            raise BrokenModule(syntax_message(error, found.origin)) from error
        if code is None:
            return found
        self.specs[fullname] = found
        found.loader = _Loader(code, found.origin, self.taken[fullname][0] if fullname in self.taken else None)
        return self.find_spec(fullname)

    def forget(self) -> None:
        for name in (*self.specs, *self.taken):
            sys.modules.pop(name, None)


class Target:
    """A parsed target.

    ``text`` is what the user wrote; ``function`` is the name to call, or None for a script run as ``__main__``.
    """

    def __init__(
        self, text: str, *, path: Path | None, module: str | None, function: str | None, argv: Sequence[str] = ()
    ) -> None:
        self.text = text
        self.path = path
        self.module = module
        self.function = function
        self.argv = list(argv)
        self._own: _OwnModules | None = None
        self._code: types.CodeType | None = None
        self._origin = ""
        self._beside: Sequence[str] | None = None
        """The folders in which a module of a package is looked for."""
        self._path_added = ""
        """What :meth:`prepare` put into ``sys.path``."""
        self._script: types.ModuleType | None = None
        """The ``__main__`` of the last execution, when the target is a script."""

    def prepare(self, instrument: Instrument | None = None) -> None:
        """Find, read and compile it; nothing of it runs yet.

        With ``instrument`` the program's modules, and those it names, get hooks before their shared accesses. A named
        module that is imported already is executed again by :meth:`load`, in its own namespace, and put back by
        :meth:`close`.

        Raises:
            TargetError: missing file, unreadable, syntax error, unknown module, nothing that ``instrument`` names.
        """
        own = _OwnModules([], instrument)
        if self.path is not None:
            self._origin = str(self.path)
            self._code = self._compile(self.path, own, "__main__" if self.function is None else self.path.stem)
            root = str(self.path.parent)
        else:
            assert self.module is not None
            _look_here()
            root = self._find_module(self.module, own)
        if root not in sys.path and self.path is not None:
            sys.path.insert(0, root)
            self._path_added = root
        own.roots = (root + "/",)
        if instrument is not None:
            instrument.check()
            for name in instrument.loaded():
                own.take(name)
        self._own = own
        sys.meta_path.insert(0, own)
        if self.module is not None and self._code is None:
            self._own.find_spec(self.module, self._beside)  # known now, it is executed anew even if imported before

    def _compile(self, path: Path, own: _OwnModules, name: str) -> types.CodeType:
        return compile_file(path, lambda source, file: own.compile(name, source, file))

    def _find_module(self, name: str, own: _OwnModules) -> str:
        """Find the source to run; returns the folder whose modules are the program's own."""
        specs = locate(name)
        self._beside = specs[-2].submodule_search_locations if len(specs) > 1 else None
        if self.function is None and specs[-1].submodule_search_locations:
            try:
                specs += locate(f"{name}.__main__")[-1:]
            except TargetError as error:
                raise TargetError(
                    f"the package {name!r} has no __main__.py to run; name a function: {name}:function"
                ) from error
        origin = specs[-1].origin
        if origin is None or not origin.endswith(".py"):
            raise TargetError(f"the module {name!r} has no Python source to run ({origin})")
        self._origin = origin
        if self.function is None:
            self._code = self._compile(Path(origin), own, "__main__")
        else:
            compile_file(Path(origin))  # for its errors; the finder compiles it when it is imported
        # weft's own models are programs, weft is not.
        top = specs[0].submodule_search_locations if specs[0].name != __name__.partition(".")[0] else None
        return next(iter(top)) if top else str(Path(origin).parent)

    def close(self) -> None:
        """Undo :meth:`prepare`: forget the program's modules, the finder and the folder they were found in."""
        if self._own is not None:
            self._own.forget()
            self._own.give_back()
            sys.meta_path.remove(self._own)
            self._own = None
        if self._path_added in sys.path:
            sys.path.remove(self._path_added)

    def instrumented(self) -> list[str]:
        """The modules that were rewritten until now; a script is ``__main__``."""
        return sorted(self._own.instrumented) if self._own is not None else []

    def not_seen(self) -> list[str]:
        """What of the modules to be rewritten stays unseen, each with its place."""
        return list(self._own.not_seen) if self._own is not None else []

    def load(self) -> Callable[..., Any]:
        """Execute the program's modules anew and return what :meth:`run` calls.

        Raises:
            TargetError: the function is missing, not callable or has required parameters.
        """
        assert self._own is not None, "prepare() comes first"
        self._own.forget()
        self._script = None
        collecting.forget_execution_before()
        for name in self._own.taken:
            importlib.import_module(name)
        if self.function is None:
            return self._run_script
        if self.path is not None:
            assert self._code is not None
            name = self.path.stem
            module = self._module(name, self._code)
        else:
            assert self.module is not None
            name = self.module
            module = importlib.import_module(name)
        found: Any = module
        for part in self.function.split("."):
            found = getattr(found, part, None)
            if found is None:
                raise TargetError(self._missing(module))
        if not callable(found):
            raise TargetError(f"{self.function!r} in {self._origin} is a {type(found).__name__}, not a function")
        return found

    def _missing(self, module: types.ModuleType) -> str:
        import difflib

        names = [
            name
            for name, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        near = difflib.get_close_matches(self.function or "", names, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(sorted(names)) or 'no functions'}"
        return f"no function {self.function!r} in {self._origin}; {hint}"

    def _module(self, name: str, code: types.CodeType) -> types.ModuleType:
        module = types.ModuleType(name)
        module.__file__ = self._origin
        assert self._own is not None
        self._own.specs.setdefault(
            name, importlib.machinery.ModuleSpec(name, _Loader(code, self._origin), origin=self._origin)
        )
        sys.modules[name] = module
        exec(code, module.__dict__)
        return module

    def _run_script(self) -> None:
        assert self._code is not None
        module = types.ModuleType("__main__")
        module.__file__ = self._origin
        if self.module is not None:
            package = self.module if self._origin.endswith("__main__.py") else self.module.rpartition(".")[0]
            module.__package__ = package
        self._script = module
        before, argv = sys.modules["__main__"], sys.argv
        sys.modules["__main__"] = module
        sys.argv = [self._origin, *self.argv]
        try:
            exec(self._code, module.__dict__)
        finally:
            sys.modules["__main__"], sys.argv = before, argv

    def run(self, parameters: dict[str, Any]) -> None:
        """One execution: fresh modules, then the call. Whatever the program raises comes out."""
        function = self.load()
        check_parameters(self.function or self.text, function, parameters)
        function(**parameters)

    def names(self) -> list[tuple[str, dict[str, Any]]]:
        """The program's own modules that are loaded now, for finding what the user calls an object."""
        found: list[tuple[str, dict[str, Any]]] = []
        if self._script is not None:
            found.append(("__main__", vars(self._script)))
        for name, module in [*sys.modules.items()]:
            if module is self._script:
                continue
            file = getattr(module, "__file__", None)
            if self._own is not None and isinstance(file, str) and (file == self._origin or name in self._own.specs):
                found.append((name, vars(module)))
        return found


def check_parameters(name: str, function: Callable[..., Any], parameters: dict[str, Any]) -> None:
    """Raise TargetError when ``function`` cannot be called with exactly these keyword parameters."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(**parameters)
    except TypeError as error:
        known = [
            item for item in signature.parameters.values() if item.kind not in (item.VAR_KEYWORD, item.VAR_POSITIONAL)
        ]
        required = [item.name for item in known if item.default is item.empty and item.name not in parameters]
        if required:
            example = " ".join(f"--set {item}=VALUE" for item in required)
            raise TargetError(f"{name}() needs {', '.join(required)}; give {example}") from error
        names = ", ".join(item.name for item in known) or "no parameters"
        raise TargetError(f"{name}() cannot be called so: {error}; it takes {names}") from error


def syntax_message(error: SyntaxError, file: str | None = None) -> str:
    line = (error.text or "").strip()
    place = f"{error.filename or file}:{error.lineno}" if error.lineno else error.filename or file
    return f"syntax error in {place}: {error.msg}" + (f": {line}" if line else "")


def _look_here() -> None:
    """Modules are found in the current folder, as ``python -m`` does it."""
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))


def compile_plain(source: bytes, file: str) -> types.CodeType:
    return compile(source, file, "exec", dont_inherit=True)


def compile_file(path: Path, compiled: Callable[[bytes, str], types.CodeType] = compile_plain) -> types.CodeType:
    """Read a source file and compile it.

    Raises:
        TargetError: missing, a folder, unreadable, not UTF-8, or a syntax error (with its line).
    """
    try:
        source = path.read_bytes()
    except FileNotFoundError as error:
        raise TargetError(f"no such file: {path}") from error
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror}") from error
    try:
        return compiled(source, str(path))
    except SyntaxError as error:
        raise TargetError(syntax_message(error, str(path))) from error
    except ValueError as error:
        raise TargetError(f"{path} is not Python source: {error}") from error


def parse_target(text: str, argv: Sequence[str] = ()) -> Target:
    """Understand ``path.py``, ``path.py:function``, ``package.module:function`` or ``-m package``.

    Raises:
        TargetError: none of these.
    """
    if text.startswith("-m "):
        return Target(text, path=None, module=text[3:].strip(), function=None, argv=argv)
    place, colon, function = text.rpartition(":")
    if not colon:
        place, function = text, ""
    if place.endswith(".py") or "/" in place or Path(place).is_file():
        if colon and not function:
            raise TargetError(f"{text!r} names no function after the colon")
        return Target(text, path=Path(place).resolve(), module=None, function=function or None, argv=argv)
    if not colon:
        raise TargetError(
            f"{text!r} is not a target; write path.py, path.py:function, package.module:function or -m package"
        )
    if not all(part.isidentifier() for part in place.split(".")) or not all(
        p.isidentifier() for p in function.split(".")
    ):
        raise TargetError(f"{text!r} is not a target: {place!r} must be a module and {function!r} a function")
    return Target(text, path=None, module=place, function=function, argv=argv)
