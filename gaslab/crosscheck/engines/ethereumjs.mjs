// Answers scenarios with @ethereumjs/vm: one a line on standard input, one answer a line on
// standard output, as gaslab.crosscheck.scenario writes and reads them. Run from the folder whose
// node_modules holds the packages.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const require = createRequire(join(process.cwd(), 'package.json'))
const load = (name) => import(pathToFileURL(require.resolve(name)).href)
const { createBlock } = await load('@ethereumjs/block')
const { Mainnet, createCustomCommon } = await load('@ethereumjs/common')
const { createTxFromRLP } = await load('@ethereumjs/tx')
const { Account, Address, bytesToHex, hexToBytes } = await load('@ethereumjs/util')
const { createVM, runTx } = await load('@ethereumjs/vm')
const { MerkleStateManager } = await load('@ethereumjs/statemanager')

const HARDFORKS = { cancun: 'cancun', prague: 'prague', osaka: 'osaka', 'amsterdam-draft': 'amsterdam' }

// EIP-7708 logs transfers of value in this address's name. The lab's draft schedule prices them
// and does not emit them, so they are left out of what is compared.
const SYSTEM = '0xfffffffffffffffffffffffffffffffffffffffe'

// A blob transaction is only taken with such a thing at hand, though without its blobs there is
// nothing to verify. A point evaluation would ask it, and ends the scenario.
const kzg = {
  verifyProof() {
    throw new TypeError('no trusted setup to evaluate a point with')
  },
}

const slotBytes = (text) => hexToBytes('0x' + text.slice(2).padStart(64, '0'))

// A number is written as hex: JavaScript's own numbers lose digits.
const value = (bytes) => BigInt(bytes.length === 0 ? 0 : bytesToHex(bytes))

function digest(logs) {
  const lines = logs
    .map(([address, topics, data]) => [bytesToHex(address), topics.map(bytesToHex), bytesToHex(data)])
    .filter(([address]) => address !== SYSTEM)
    .map(([address, topics, data]) => {
      const words = topics.map((topic) => topic.slice(2)).join(',')
      return `${address.slice(2)}:${words}:${data.slice(2)}\n`
    })
  return createHash('sha256').update(lines.join('')).digest('hex')
}

async function genesis(common, alloc) {
  const state = new MerkleStateManager({ common })
  for (const [text, { balance, nonce, code, storage }] of Object.entries(alloc)) {
    const address = new Address(hexToBytes(text))
    await state.putAccount(address, new Account(BigInt(nonce), BigInt(balance)))
    if (code !== '0x') await state.putCode(address, hexToBytes(code))
    for (const [slot, word] of Object.entries(storage)) {
      const digits = BigInt(word).toString(16)
      const bytes = hexToBytes('0x' + digits.padStart(digits.length + (digits.length % 2), '0'))
      await state.putStorage(address, slotBytes(slot), bytes)
    }
  }
  // What a slot held before a transaction is asked of the tries, so nothing may wait in a cache.
  await state.flush()
  return state
}

async function outcome(vm, common, sent) {
  const block = createBlock(
    {
      header: {
        number: sent.number,
        timestamp: sent.timestamp,
        coinbase: sent.coinbase,
        mixHash: slotBytes(sent.prevrandao),
        baseFeePerGas: BigInt(sent.base_fee),
        gasLimit: BigInt(sent.gas_limit),
        excessBlobGas: 0n,
      },
    },
    { common, skipConsensusFormatValidation: true },
  )
  let result
  try {
    const tx = createTxFromRLP(hexToBytes(sent.raw), { common })
    result = await runTx(vm, { tx, block, skipHardForkValidation: true })
  } catch (error) {
    // A refusal is an error with a message for the sender; anything else is a fault.
    if (error.constructor.name !== 'EthereumJSError' && error.constructor !== Error) throw error
    return { refused: error.message.split(' (vm hf=')[0] }
  }
  return {
    gas: Number(result.totalGasSpent),
    success: result.execResult.exceptionError === undefined,
    logs: digest(result.execResult.logs ?? []),
  }
}

async function watched(state, watch) {
  const found = {}
  for (const [text, slots] of Object.entries(watch)) {
    const address = new Address(hexToBytes(text))
    if ((await state.getAccount(address)) === undefined) continue
    for (const slot of slots) {
      const word = value(await state.getStorage(address, slotBytes(slot)))
      if (word !== 0n) (found[text] ??= {})[slot] = '0x' + word.toString(16)
    }
  }
  return found
}

// All that is asked of it: hashes of earlier blocks.
function chain(hashes) {
  const found = (number) => ({ hash: () => slotBytes(hashes[String(number)] ?? '0x0') })
  return { getBlock: async (number) => found(number), putBlock: async () => {}, shallowCopy: () => chain(hashes) }
}

async function answer(scenario) {
  const hardfork = HARDFORKS[scenario.fork]
  const common = createCustomCommon({ chainId: scenario.chain_id }, Mainnet, { hardfork, customCrypto: { kzg } })
  const stateManager = await genesis(common, scenario.alloc)
  const vm = await createVM({ common, stateManager, blockchain: chain(scenario.hashes ?? {}) })
  const results = []
  for (const sent of scenario.transactions) results.push(await outcome(vm, common, sent))
  return { results, storage: await watched(stateManager, scenario.watch) }
}

const tell = (found) => process.stdout.write(JSON.stringify(found) + '\n')
const installed = JSON.parse(readFileSync(join(process.cwd(), 'package.json')))
tell({ version: installed.dependencies['@ethereumjs/vm'], forks: Object.keys(HARDFORKS) })
for await (const line of createInterface({ input: process.stdin })) {
  try {
    tell(await answer(JSON.parse(line)))
  } catch (error) {
    tell({ error: `${error.constructor.name}: ${error.message}` })
  }
}
