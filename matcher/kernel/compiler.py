"""From the source of kernels to LLVM: a whole program at once, of one type, int64.

Numba compiles function after function, each with what it calls, and infers types that here are
known: for the hundreds of small functions of the matching kernel that takes a minute. This does the
same in one module, which LLVM optimizes once. What it takes in is what kernels are written in, and
numba and plain Python read the same source:

- functions of int, bool and tuples of int, annotated so, that call each other; names of the
  module, which are numbers or functions; arguments by position;
- assignments, also to several names; ``if``, ``while``, ``for`` over a `range`, ``break``,
  ``continue``, ``return``; conditional expressions, ``and``, ``or``, ``not``, comparisons;
- ``+ - * // % << >> & | ^ ~``, `min`, `max`, `abs`; numba's intrinsics, such as the accessors of
  `matcher.kernel.memory`.

Anything else raises `Unsupported`, which names the line. Sums and products wrap, ``//`` and ``%``
are floored as in Python, and a divisor is never 0. What is `inlined` always is; of other
functions LLVM decides.
"""

import ast
import builtins
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core.dispatcher import Dispatcher

_I1: Final = ir.IntType(1)
_I64: Final = ir.IntType(64)
_COMPARED: Final = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


class Unsupported(Exception):
    """A kernel's source says what the compiler does not know."""


def module_of(root: Callable[..., Any]) -> ir.Module:
    """A module with the function and all that it calls; only the function is visible."""
    program = _Program(root.__name__)
    program.function(root).linkage = "external"
    while program.waiting:
        _Body(program, *program.waiting.pop()).emit()
    return program.module


class _Program:
    """One module, and the functions that it holds.

    Attributes
    ----------
    waiting : list of (FunctionType, FunctionDef, Function)
        Those that are called and not written yet.
    """

    def __init__(self, name: str):
        self.module = ir.Module(name)
        self.waiting: list[tuple[FunctionType, ast.FunctionDef, ir.Function]] = []
        self._functions: dict[FunctionType, ir.Function] = {}

    def function(self, wanted: Any) -> ir.Function:
        """The LLVM function of a Python function, plain or of numba's."""
        python = wanted.py_func if isinstance(wanted, Dispatcher) else wanted
        known = self._functions.get(python)
        if known is not None:
            return known
        source = _source_of(python)
        accepted = [_type_of(argument.annotation) for argument in source.args.args]
        kind = ir.FunctionType(_type_of(source.returns), accepted)
        first = not self._functions
        name = python.__name__ if first else f"{python.__module__}.{python.__name__}"
        function = ir.Function(self.module, kind, name)
        function.linkage = "internal"
        function.attributes.add("nounwind")
        if isinstance(wanted, Dispatcher) and wanted.targetoptions.get("forceinline"):
            function.attributes.add("alwaysinline")
        self._functions[python] = function
        self.waiting.append((python, source, function))
        return function


def _type_of(annotation: ast.expr | None) -> ir.Type:
    """LLVM's type of what is annotated so."""
    if isinstance(annotation, ast.Constant) and annotation.value is None:
        return ir.VoidType()
    if isinstance(annotation, ast.Name) and annotation.id in ("int", "bool"):
        return _I64
    if isinstance(annotation, ast.Subscript) and isinstance(annotation.slice, ast.Tuple):
        return ir.LiteralStructType([_I64] * len(annotation.slice.elts))
    raise Unsupported(f"a value that is annotated {annotation and ast.unparse(annotation)}")


@cache
def _sources(file: str) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(Path(file).read_text())
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


def _source_of(python: FunctionType) -> ast.FunctionDef:
    found = _sources(python.__code__.co_filename).get(python.__name__)
    if found is None:
        raise Unsupported(f"{python.__qualname__}, which is not written at a module's top")
    return found


class _Intrinsics:
    """What the emitters of intrinsics ask of numba's context."""

    def get_dummy_value(self) -> ir.Constant:
        return ir.Constant(_I64, 0)

    def make_tuple(self, b: ir.IRBuilder, _kind: Any, values: tuple[ir.Value, ...]) -> ir.Value:
        return _tuple(b, list(values))


def _tuple(b: ir.IRBuilder, values: list[ir.Value]) -> ir.Value:
    result = ir.Constant(ir.LiteralStructType([_I64] * len(values)), ir.Undefined)
    for place, value in enumerate(values):
        result = b.insert_value(result, value, place)
    return result


class _Body:
    """Writes one function.

    Values are int64; what a comparison or ``not`` says is one bit until it is stored or counted.
    """

    def __init__(
        self, program: _Program, python: FunctionType, source: ast.FunctionDef, out: ir.Function
    ):
        self._program = program
        self._python = python
        self._source = source
        self._out = out
        self._entry = out.append_basic_block("entry")
        self._b = ir.IRBuilder(out.append_basic_block("body"))
        self._names: dict[str, ir.AllocaInstr] = {}
        self._loops: list[tuple[ir.Block, ir.Block]] = []  # continue, break

    def emit(self) -> None:
        start = self._b.block
        for argument, value in zip(self._source.args.args, self._out.args, strict=True):
            self._store(argument.arg, value)
        self._block(self._source.body)
        if not self._b.block.is_terminated:
            if not isinstance(self._out.return_value.type, ir.VoidType):
                self._b.unreachable()
            else:
                self._b.ret_void()
        ir.IRBuilder(self._entry).branch(start)

    def _fail(self, node: ast.AST) -> Unsupported:
        line = getattr(node, "lineno", self._source.lineno)
        file = self._python.__code__.co_filename
        return Unsupported(f"{file}:{line}: {type(node).__name__} {ast.unparse(node)}")

    # --- names -----------------------------------------------------------------------------------

    def _store(self, name: str, value: ir.Value) -> None:
        if value.type == _I1:
            value = self._b.zext(value, _I64)
        place = self._names.get(name)
        if place is None:
            place = ir.IRBuilder(self._entry).alloca(value.type, name=name)
            self._names[name] = place
        self._b.store(value, place)

    def _static(self, node: ast.expr) -> Any:
        """What a name of the module, or an attribute of one, stands for."""
        if isinstance(node, ast.Attribute):
            owner = self._static(node.value)
            if isinstance(owner, ModuleType | type):
                return getattr(owner, node.attr)
        if isinstance(node, ast.Name) and node.id not in self._names:
            scope = self._python.__globals__
            if node.id in scope:
                return scope[node.id]
            if hasattr(builtins, node.id):
                return getattr(builtins, node.id)
        raise self._fail(node)

    # --- statements ------------------------------------------------------------------------------

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            if self._b.block.is_terminated:
                return
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(value=ast.Call() as call):
                self._call(call)
            case ast.Assign(targets=targets):
                value = self._value(node.value)
                for target in targets:
                    self._assign(target, value)
            case ast.AugAssign(target=ast.Name(id=name)):
                old = self._int(ast.Name(name, ast.Load()))
                self._store(name, self._operation(node, node.op, old, self._int(node.value)))
            case ast.AnnAssign(target=ast.Name(id=name)) if node.value is not None:
                self._store(name, self._value(node.value))
            case ast.Return():
                self._return(node)
            case ast.If():
                self._if(node)
            case ast.While(orelse=[]):
                self._while(node)
            case ast.For(orelse=[], target=ast.Name()):
                self._for(node)
            case ast.Break():
                self._b.branch(self._loops[-1][1])
            case ast.Continue():
                self._b.branch(self._loops[-1][0])
            case _:
                raise self._fail(node)

    def _assign(self, target: ast.expr, value: ir.Value) -> None:
        match target:
            case ast.Name(id=name):
                self._store(name, value)
            case ast.Tuple(elts=parts):
                for place, part in enumerate(parts):
                    self._assign(part, self._b.extract_value(value, place))
            case _:
                raise self._fail(target)

    def _return(self, node: ast.Return) -> None:
        if node.value is None:
            self._b.ret_void()
            return
        value = self._value(node.value)
        self._b.ret(self._b.zext(value, _I64) if value.type == _I1 else value)

    def _if(self, node: ast.If) -> None:
        then, other = self._fresh("then"), self._fresh("else")
        done = self._fresh("done") if node.orelse else other
        self._b.cbranch(self._bit(node.test), then, other)
        for block, statements in ((then, node.body), (other, node.orelse)):
            if statements:
                self._b.position_at_end(block)
                self._block(statements)
                self._go_to(done)
        self._b.position_at_end(done)

    def _while(self, node: ast.While) -> None:
        test, body, done = self._fresh("test"), self._fresh("loop"), self._fresh("done")
        self._b.branch(test)
        self._b.position_at_end(test)
        self._b.cbranch(self._bit(node.test), body, done)
        self._loop(node.body, body, test, done)

    def _for(self, node: ast.For) -> None:
        call = node.iter
        if not isinstance(call, ast.Call) or self._static(call.func) is not range:
            raise self._fail(node)
        bounds = [self._int(argument) for argument in call.args]
        start, stop = (ir.Constant(_I64, 0), bounds[0]) if len(bounds) == 1 else bounds[:2]
        step = bounds[2] if len(bounds) == 3 else ir.Constant(_I64, 1)
        if not isinstance(step, ir.Constant) or step.constant == 0:
            raise self._fail(node)
        hidden = ir.IRBuilder(self._entry).alloca(_I64)
        self._b.store(start, hidden)
        test, body = self._fresh("test"), self._fresh("loop")
        advance, done = self._fresh("advance"), self._fresh("done")
        self._b.branch(test)
        self._b.position_at_end(test)
        at = self._b.load(hidden)
        beyond = "<" if step.constant > 0 else ">"
        self._b.cbranch(self._b.icmp_signed(beyond, at, stop), body, done)
        self._b.position_at_end(body)
        assert isinstance(node.target, ast.Name), "the caller has looked"
        self._store(node.target.id, at)
        self._loop(node.body, body, advance, done)
        self._b.position_at_end(advance)
        self._b.store(self._b.add(self._b.load(hidden), step), hidden)
        self._b.branch(test)
        self._b.position_at_end(done)

    def _loop(
        self, statements: list[ast.stmt], body: ir.Block, again: ir.Block, done: ir.Block
    ) -> None:
        self._loops.append((again, done))
        self._b.position_at_end(body)
        self._block(statements)
        self._go_to(again)
        self._loops.pop()
        self._b.position_at_end(done)

    def _fresh(self, name: str) -> ir.Block:
        return self._out.append_basic_block(name)

    def _go_to(self, block: ir.Block) -> None:
        if not self._b.block.is_terminated:
            self._b.branch(block)

    # --- expressions -----------------------------------------------------------------------------

    def _int(self, node: ast.expr) -> ir.Value:
        value = self._value(node)
        return self._b.zext(value, _I64) if value.type == _I1 else value

    def _bit(self, node: ast.expr) -> ir.Value:
        value = self._value(node)
        return value if value.type == _I1 else self._b.icmp_signed("!=", value, _I64(0))

    def _value(self, node: ast.expr) -> ir.Value:
        match node:
            case ast.Constant(value=int() as number):
                return _I64(int(number))
            case ast.Name(id=name) if name in self._names:
                return self._b.load(self._names[name])
            case ast.Name() | ast.Attribute():
                number = self._static(node)
                if isinstance(number, int):
                    return _I64(int(number))
            case ast.Tuple(elts=parts):
                return _tuple(self._b, [self._int(part) for part in parts])
            case ast.Subscript(slice=ast.Constant(value=int() as place)):
                return self._b.extract_value(self._value(node.value), place)
            case ast.BinOp():
                return self._operation(node, node.op, self._int(node.left), self._int(node.right))
            case ast.UnaryOp(op=ast.Not()):
                return self._b.not_(self._bit(node.operand))
            case ast.UnaryOp(op=ast.USub()):
                value = self._int(node.operand)
                if isinstance(value, ir.Constant):
                    return _I64(-value.constant)
                return self._b.neg(value)
            case ast.UnaryOp(op=ast.Invert()):
                return self._b.not_(self._int(node.operand))
            case ast.Compare():
                return self._compare(node)
            case ast.BoolOp():
                return self._both(node)
            case ast.IfExp():
                return self._choose(node)
            case ast.Call():
                return self._call(node)
        raise self._fail(node)

    def _operation(
        self, node: ast.AST, operator: ast.operator, x: ir.Value, y: ir.Value
    ) -> ir.Value:
        b = self._b
        simple = {
            ast.Add: b.add,
            ast.Sub: b.sub,
            ast.Mult: b.mul,
            ast.BitAnd: b.and_,
            ast.BitOr: b.or_,
            ast.BitXor: b.xor,
            ast.LShift: b.shl,
            ast.RShift: b.ashr,
        }.get(type(operator))
        if simple is not None:
            return simple(x, y)
        if not isinstance(operator, ast.FloorDiv | ast.Mod):
            raise self._fail(node)
        rest = b.srem(x, y)
        is_floored = b.and_(
            b.icmp_signed("!=", rest, _I64(0)), b.icmp_signed("<", b.xor(rest, y), _I64(0))
        )
        if isinstance(operator, ast.Mod):
            return b.select(is_floored, b.add(rest, y), rest)
        return b.sub(b.sdiv(x, y), b.zext(is_floored, _I64))

    def _compare(self, node: ast.Compare) -> ir.Value:
        """A chain is looked at whole: no comparison here has an effect."""
        left, result = self._int(node.left), None
        for operator, operand in zip(node.ops, node.comparators, strict=True):
            sign = _COMPARED.get(type(operator))
            if sign is None:
                raise self._fail(node)
            right = self._int(operand)
            bit = self._b.icmp_signed(sign, left, right)
            result = bit if result is None else self._b.and_(result, bit)
            left = right
        return result

    def _both(self, node: ast.BoolOp) -> ir.Value:
        """A conjunction or disjunction; its parts are looked at while they matter."""
        is_and = isinstance(node.op, ast.And)
        done = self._fresh("decided")
        ways: list[tuple[ir.Value, ir.Block]] = []
        for part in node.values[:-1]:
            bit, after = self._bit(part), self._fresh("next")
            ways.append((_I1(0 if is_and else 1), self._b.block))
            self._b.cbranch(bit, *((after, done) if is_and else (done, after)))
            self._b.position_at_end(after)
        ways.append((self._bit(node.values[-1]), self._b.block))
        self._b.branch(done)
        return self._joined(_I1, ways, done)

    def _choose(self, node: ast.IfExp) -> ir.Value:
        then, other, done = self._fresh("then"), self._fresh("else"), self._fresh("chosen")
        self._b.cbranch(self._bit(node.test), then, other)
        ways = []
        for block, part in ((then, node.body), (other, node.orelse)):
            self._b.position_at_end(block)
            value = self._value(part)
            value = self._b.zext(value, _I64) if value.type == _I1 else value
            ways.append((value, self._b.block))
            self._b.branch(done)
        return self._joined(ways[0][0].type, ways, done)

    def _joined(
        self, kind: ir.Type, ways: list[tuple[ir.Value, ir.Block]], done: ir.Block
    ) -> ir.Value:
        self._b.position_at_end(done)
        phi = self._b.phi(kind)
        for value, block in ways:
            phi.add_incoming(value, block)
        return phi

    def _call(self, node: ast.Call) -> ir.Value:
        if node.keywords:
            raise self._fail(node)
        target = self._static(node.func)
        if target in (min, max, abs, int, bool):
            return self._builtin(node, target)
        values = [self._value(argument) for argument in node.args]
        values = [self._b.zext(v, _I64) if v.type == _I1 else v for v in values]
        if isinstance(target, Dispatcher | FunctionType):
            return self._b.call(self._program.function(target), values)
        define = getattr(target, "_defn", None)  # of an intrinsic
        if define is None:
            raise self._fail(node)
        signature, generate = define(None, *[types.int64] * len(values))
        return generate(_Intrinsics(), self._b, signature, values)

    def _builtin(self, node: ast.Call, target: Any) -> ir.Value:
        if target is bool:
            return self._bit(node.args[0])
        values = [self._int(argument) for argument in node.args]
        result = values[0]
        if target is abs:
            is_below = self._b.icmp_signed("<", result, _I64(0))
            return self._b.select(is_below, self._b.neg(result), result)
        for value in values[1:]:
            is_kept = self._b.icmp_signed("<" if target is min else ">", result, value)
            result = self._b.select(is_kept, result, value)
        return result
