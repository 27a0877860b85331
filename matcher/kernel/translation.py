"""From the syntax trees of a kernel's functions to LLVM's code (see `matcher.kernel.program`)."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any, Final

from llvmlite import binding, ir
from numba import types
from numba.core.dispatcher import Dispatcher

from matcher.kernel.layout import STEADY
from matcher.kernel.memory import is_inlined, is_rare

_INT: Final = ir.IntType(64)
_BOOL: Final = ir.IntType(1)
_PAIR: Final = ir.LiteralStructType([_INT, _INT])
_VOID: Final = ir.VoidType()
_RESULTS: Final[dict[Any, Any]] = {
    int: _INT,
    bool: _BOOL,
    None: _VOID,
    tuple[int, int]: _PAIR,
}
_COMPARED: Final[dict[type[ast.cmpop], str]] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_COMPUTED: Final[dict[type[ast.operator], str]] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
    ast.LShift: "shl",
    ast.RShift: "ashr",
}


_GIVEN: Final = {"command", "annex"}  # lines: kernels only read them
_SHARED: Final = {"far": "level"}  # a far level holds a level


class Untranslatable(Exception):
    """A function is not written in the language of kernels."""


class Translation:
    """A module of LLVM's code, function by function.

    Parameters
    ----------
    name : str
        Of the function that is called from outside.
    """

    def __init__(self, name: str):
        self.module = ir.Module(name)
        self.module.triple = binding.get_process_triple()
        self._name = name
        self.instructions = _Instructions(self.module)
        self._made: dict[FunctionType, ir.Function] = {}
        self._waiting: list[tuple[FunctionType, ir.Function]] = []

    def of(self, function: Callable[..., Any]) -> str:
        """The code of a function and of all that it calls."""
        entry = self.function(function, self._name)
        entry.linkage = ""
        while self._waiting:
            source, made = self._waiting.pop()
            _Body(self, source, made).translate()
        return str(self.module)

    def function(self, called: Any, name: str = "") -> ir.Function:
        """What a function becomes; it is translated before the code is done."""
        source: FunctionType = called.py_func if isinstance(called, Dispatcher) else called
        if source not in self._made:
            given = dict(source.__annotations__)
            answered = given.pop("return")
            known = all(kind in _RESULTS for kind in (answered, *given.values()))
            if not known or len(given) != source.__code__.co_argcount:
                raise Untranslatable(f"{source.__qualname__}: annotations {given}, {answered}")
            kinds = [_RESULTS[given[argument]] for argument in given]
            kind = ir.FunctionType(_RESULTS[answered], kinds)
            made = ir.Function(self.module, kind, name or f"{source.__module__}.{source.__name__}")
            made.linkage = "internal"
            if is_inlined(source):
                made.attributes.add("alwaysinline")
            elif is_rare(source):
                made.attributes.add("noinline")
                made.attributes.add("optsize")
                made.attributes.add("cold")
            made.attributes.add("nounwind")
            self._made[source] = made
            self._waiting.append((source, made))
        return self._made[source]


class _Instructions:
    """What the instructions of `matcher.kernel.memory` ask of numba, when they are put in place.

    And what they tell: which field of which record they touch. No two fields share a byte, so that
    LLVM need not read a field again when another was written; nor one that nobody writes, ever.
    """

    def __init__(self, module: ir.Module):
        self._module = module
        self._root = module.add_metadata([ir.MetaDataString(module, "kernel")])
        self._steady = module.add_metadata([])
        self._tags: dict[tuple[str, str], Any] = {}

    def tell_field(self, instruction: Any, kind: str, name: str) -> None:
        """A load or a store is of a field."""
        if kind in _GIVEN or (kind == "context" and name in STEADY):
            instruction.set_metadata("invariant.load", self._steady)
        else:
            instruction.set_metadata("tbaa", self._tag(_SHARED.get(kind, kind), name))

    def _tag(self, kind: str, name: str) -> Any:
        """LLVM's name of a field."""
        if (kind, name) not in self._tags:
            add, zero = self._module.add_metadata, ir.Constant(_INT, 0)
            field = add([ir.MetaDataString(self._module, f"{kind}.{name}"), self._root, zero])
            self._tags[kind, name] = add([field, field, zero])
        return self._tags[kind, name]

    @staticmethod
    def get_dummy_value() -> None:
        """Nothing: they answer nothing."""

    @staticmethod
    def make_tuple(builder: Any, _kind: Any, values: Sequence[Any]) -> Any:
        """A pair."""
        pair = ir.Constant(_PAIR, ir.Undefined)
        for place, value in enumerate(values):
            pair = builder.insert_value(pair, value, place)
        return pair


class _Body:
    """The body of one function."""

    def __init__(self, translation: Translation, source: FunctionType, made: ir.Function):
        self._translation = translation
        self._source = source
        self._function = made
        self._entry = made.append_basic_block("entry")
        self._builder = ir.IRBuilder(made.append_basic_block("body"))
        self._start = self._builder.block
        self._variables: dict[str, Any] = {}
        self._loops: list[tuple[Any, Any]] = []  # (continue, break)
        self._statements: dict[type[ast.stmt], Callable[[Any], None]] = {
            ast.Expr: self._call,
            ast.Pass: lambda _: None,
            ast.Assign: self._assignment,
            ast.AugAssign: self._change,
            ast.Return: self._return,
            ast.If: self._if,
            ast.While: self._while,
            ast.For: self._for,
            ast.Break: lambda _: self._builder.branch(self._loops[-1][1]),
            ast.Continue: lambda _: self._builder.branch(self._loops[-1][0]),
        }
        self._expressions: dict[type[ast.expr], Callable[[Any], Any]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Tuple: self._tuple,
            ast.Subscript: self._part,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.Compare: self._compared,
            ast.BoolOp: self._decided,
            ast.IfExp: self._chosen,
            ast.Call: self._called,
        }

    def translate(self) -> None:
        """Translate all of it."""
        tree = ast.parse(textwrap.dedent(inspect.getsource(self._source))).body[0]
        assert isinstance(tree, ast.FunctionDef), "kernels are functions"
        for argument, value in zip(tree.args.args, self._function.args, strict=True):
            self._set(argument.arg, value)
        self._all(tree.body)
        if not self._builder.block.is_terminated:
            if self._function.function_type.return_type == _VOID:
                self._builder.ret_void()
            else:
                self._builder.unreachable()
        ir.IRBuilder(self._entry).branch(self._start)

    def _fail(self, node: ast.AST) -> Untranslatable:
        line = self._source.__code__.co_firstlineno + getattr(node, "lineno", 1) - 1
        where = f"{self._source.__code__.co_filename}:{line}"
        return Untranslatable(f"{where}: {ast.unparse(node)}")

    # --- variables -------------------------------------------------------------------------------

    def _set(self, name: str, value: Any) -> None:
        if name not in self._variables:
            with self._builder.goto_block(self._entry):
                self._variables[name] = self._builder.alloca(value.type, name=name)
        at = self._variables[name]
        if at.allocated_type != value.type:
            value = self._int(value)
        self._builder.store(value, at)

    def _assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._set(target.id, value)
        elif isinstance(target, ast.Tuple):
            for place, part in enumerate(target.elts):
                self._assign(part, self._builder.extract_value(value, place))
        else:
            raise self._fail(target)

    # --- statements ------------------------------------------------------------------------------

    def _all(self, statements: Sequence[ast.stmt]) -> None:
        for statement in statements:
            if self._builder.block.is_terminated:
                return  # nothing that follows is reached
            translate = self._statements.get(type(statement))
            if translate is None:
                raise self._fail(statement)
            translate(statement)

    def _call(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self._value(node.value)

    def _assignment(self, node: ast.Assign) -> None:
        target = node.targets[0]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            values = [self._value(part) for part in node.value.elts]
            for part, value in zip(target.elts, values, strict=True):
                self._assign(part, value)
            return
        value = self._value(node.value)
        for each in node.targets:
            self._assign(each, value)

    def _change(self, node: ast.AugAssign) -> None:
        assert isinstance(node.target, ast.Name), "kernels change variables"
        before = self._int(self._builder.load(self._variables[node.target.id]))
        self._set(node.target.id, self._computed(node.op, before, self._number(node.value), node))

    def _return(self, node: ast.Return) -> None:
        kind = self._function.function_type.return_type
        if node.value is None:
            self._builder.ret_void()
            return
        value = self._value(node.value)
        if kind == _INT:
            value = self._int(value)
        elif kind == _BOOL:
            value = self._truth_of(value)
        self._builder.ret(value)

    def _if(self, node: ast.If) -> None:
        then, other, after = (self._function.append_basic_block(n) for n in ("if", "else", "then"))
        self._builder.cbranch(self._truth(node.test), then, other)
        for block, statements in ((then, node.body), (other, node.orelse)):
            self._builder.position_at_end(block)
            self._all(statements)
            self._leave_for(after)
        self._builder.position_at_end(after)
        if not _is_reached(after, self._function):
            self._builder.unreachable()

    def _leave_for(self, block: Any) -> None:
        if not self._builder.block.is_terminated:
            self._builder.branch(block)

    def _while(self, node: ast.While) -> None:
        test, body, after = (self._function.append_basic_block(n) for n in ("test", "do", "done"))
        self._builder.branch(test)
        self._builder.position_at_end(test)
        self._builder.cbranch(self._truth(node.test), body, after)
        self._loop(body, node.body, test, after)

    def _loop(self, body: Any, statements: Sequence[ast.stmt], again: Any, after: Any) -> None:
        self._loops.append((again, after))
        self._builder.position_at_end(body)
        self._all(statements)
        self._leave_for(again)
        self._loops.pop()
        self._builder.position_at_end(after)

    def _for(self, node: ast.For) -> None:
        call = node.iter
        ranged = isinstance(call, ast.Call) and ast.unparse(call.func) == "range"
        if not ranged or not isinstance(node.target, ast.Name) or node.orelse:
            raise self._fail(node)
        assert isinstance(call, ast.Call), "it is a range"
        if not 1 <= len(call.args) <= 2 or call.keywords:
            raise self._fail(node)
        bounds = [self._number(part) for part in call.args]
        start, stop = bounds if len(bounds) == 2 else (ir.Constant(_INT, 0), bounds[0])
        test, body, step, after = (
            self._function.append_basic_block(n) for n in ("range", "do", "step", "done")
        )
        before = self._builder.block
        self._builder.branch(test)
        self._builder.position_at_end(test)
        counter = self._builder.phi(_INT)
        counter.add_incoming(start, before)
        self._builder.cbranch(self._builder.icmp_signed("<", counter, stop), body, after)
        self._builder.position_at_end(step)
        counter.add_incoming(self._builder.add(counter, ir.Constant(_INT, 1)), step)
        self._builder.branch(test)
        self._builder.position_at_end(body)
        self._set(node.target.id, counter)
        self._loop(self._builder.block, node.body, step, after)

    # --- expressions -----------------------------------------------------------------------------

    def _value(self, node: ast.expr) -> Any:
        translate = self._expressions.get(type(node))
        if translate is None:
            raise self._fail(node)
        return translate(node)

    def _number(self, node: ast.expr) -> Any:
        return self._int(self._value(node))

    def _int(self, value: Any) -> Any:
        return self._builder.zext(value, _INT) if value.type == _BOOL else value

    def _truth(self, node: ast.expr) -> Any:
        return self._truth_of(self._value(node))

    def _truth_of(self, value: Any) -> Any:
        if value.type == _BOOL:
            return value
        return self._builder.icmp_signed("!=", value, ir.Constant(_INT, 0))

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, bool):
            return ir.Constant(_BOOL, int(node.value))
        if not isinstance(node.value, int):
            raise self._fail(node)
        return ir.Constant(_INT, int(node.value))

    def _name(self, node: ast.Name) -> Any:
        if node.id in self._variables:
            return self._builder.load(self._variables[node.id])
        value = self._source.__globals__.get(node.id)
        if not isinstance(value, int):
            raise self._fail(node)
        return ir.Constant(_INT, int(value))

    def _tuple(self, node: ast.Tuple) -> Any:
        values = [self._number(part) for part in node.elts]
        return self._translation.instructions.make_tuple(self._builder, None, values)

    def _part(self, node: ast.Subscript) -> Any:
        if not isinstance(node.slice, ast.Constant):
            raise self._fail(node)
        return self._builder.extract_value(self._value(node.value), node.slice.value)

    def _unary(self, node: ast.UnaryOp) -> Any:
        if isinstance(node.op, ast.Not):
            return self._builder.not_(self._truth(node.operand))
        value = self._number(node.operand)
        return (
            self._builder.neg(value) if isinstance(node.op, ast.USub) else self._builder.not_(value)
        )

    def _binary(self, node: ast.BinOp) -> Any:
        return self._computed(node.op, self._number(node.left), self._number(node.right), node)

    def _computed(self, operator: ast.operator, left: Any, right: Any, node: ast.AST) -> Any:
        name = _COMPUTED.get(type(operator))
        if name is not None:
            return getattr(self._builder, name)(left, right)
        if not isinstance(operator, ast.FloorDiv | ast.Mod):
            raise self._fail(node)
        return self._floored(isinstance(operator, ast.Mod), left, right)

    def _floored(self, rest: bool, left: Any, right: Any) -> Any:
        """Division as Python has it: down, with a rest of the divisor's sign."""
        b, zero = self._builder, ir.Constant(_INT, 0)
        quotient, left_over = b.sdiv(left, right), b.srem(left, right)
        differs = b.icmp_signed("<", b.xor(left_over, right), zero)
        down = b.and_(b.icmp_signed("!=", left_over, zero), differs)
        if rest:
            return b.select(down, b.add(left_over, right), left_over)
        return b.sub(quotient, b.zext(down, _INT))

    def _compared(self, node: ast.Compare) -> Any:
        left, answer = self._number(node.left), None
        for operator, each in zip(node.ops, node.comparators, strict=True):
            right = self._number(each)
            holds = self._builder.icmp_signed(_COMPARED[type(operator)], left, right)
            answer = holds if answer is None else self._builder.and_(answer, holds)
            left = right
        return answer

    def _decided(self, node: ast.BoolOp) -> Any:
        """The parts are looked at one after the other, until one decides."""
        after = self._function.append_basic_block("decided")
        known = []
        for part in node.values[:-1]:
            further = self._function.append_basic_block("further")
            holds = self._truth(part)
            known.append((holds, self._builder.block))
            ways = (further, after) if isinstance(node.op, ast.And) else (after, further)
            self._builder.cbranch(holds, *ways)
            self._builder.position_at_end(further)
        known.append((self._truth(node.values[-1]), self._builder.block))
        self._builder.branch(after)
        return self._joined(after, known)

    def _chosen(self, node: ast.IfExp) -> Any:
        then, other, after = (self._function.append_basic_block(n) for n in ("if", "else", "then"))
        self._builder.cbranch(self._truth(node.test), then, other)
        known = []
        for block, part in ((then, node.body), (other, node.orelse)):
            self._builder.position_at_end(block)
            known.append((self._value(part), self._builder.block))
            self._builder.branch(after)
        if known[0][0].type != known[1][0].type:
            raise self._fail(node)
        return self._joined(after, known)

    def _joined(self, after: Any, known: Sequence[tuple[Any, Any]]) -> Any:
        """The one of several values whose way was taken."""
        self._builder.position_at_end(after)
        joined = self._builder.phi(known[0][0].type)
        for value, block in known:
            joined.add_incoming(value, block)
        return joined

    # --- calls -----------------------------------------------------------------------------------

    def _called(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name) or node.keywords:
            raise self._fail(node)
        name = node.func.id
        if name in ("min", "max"):
            return self._extreme("<" if name == "min" else ">", node)
        if name == "abs":
            value = self._number(node.args[0])
            is_less = self._builder.icmp_signed("<", value, ir.Constant(_INT, 0))
            return self._builder.select(is_less, self._builder.neg(value), value)
        called = self._source.__globals__.get(name)
        if hasattr(called, "_defn"):
            return self._put(called, [self._number(part) for part in node.args])
        if not isinstance(called, Dispatcher | FunctionType):
            raise self._fail(node)
        made = self._translation.function(called)
        values = [self._value(part) for part in node.args]
        kinds = made.function_type.args
        if len(values) != len(kinds):
            raise self._fail(node)
        given = [
            self._int(value) if kind == _INT else value
            for value, kind in zip(values, kinds, strict=True)
        ]
        return self._builder.call(made, given)

    def _extreme(self, sign: str, node: ast.Call) -> Any:
        values = [self._number(part) for part in node.args]
        best = values[0]
        for value in values[1:]:
            wins = self._builder.icmp_signed(sign, value, best)
            best = self._builder.select(wins, value, best)
        return best

    def _put(self, instruction: Any, values: Sequence[Any]) -> Any:
        """An instruction that numba's compiler knows, in place."""
        signature, generate = instruction._defn(None, *[types.int64] * len(values))
        return generate(self._translation.instructions, self._builder, signature, tuple(values))


def _is_reached(block: Any, function: Any) -> bool:
    """Whether any branch leads to a block."""
    for other in function.blocks:
        end = other.terminator
        if end is not None and block in getattr(end, "operands", ()):
            return True
    return False
