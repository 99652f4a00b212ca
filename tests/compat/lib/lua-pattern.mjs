// Lua's patterns look like regular expressions and are none: `-` repeats what stands before it, `%` escapes.

const CLASSES = { a: 'A-Za-z', d: '0-9', l: 'a-z', s: '\\s', u: 'A-Z', w: '0-9A-Za-z', x: '0-9A-Fa-f' };
const MEANT = '*+?.^$()';

/** Whether the pattern is found in `text`. */
export function luaMatches(pattern, text) {
  let source = '';
  let inSet = false;
  for (let at = 0; at < pattern.length; at += 1) {
    const letter = pattern[at];
    if (letter === '%') {
      at += 1;
      source += escaped(pattern[at] ?? '%', inSet);
    } else if (inSet) {
      inSet = letter !== ']';
      source += '\\['.includes(letter) ? `\\${letter}` : letter;
    } else if (letter === '[') {
      inSet = true;
      source += letter;
    } else if (letter === '-') source += '*?';
    else source += MEANT.includes(letter) ? letter : literal(letter);
  }
  return new RegExp(source).test(text);
}

function escaped(letter, inSet) {
  const members = CLASSES[letter];
  if (members === undefined) return literal(letter);
  return inSet ? members : `[${members}]`;
}

const literal = (letter) => (/\w/.test(letter) ? letter : `\\${letter}`);
