// Codes of everything that stops an import, so that programs need not read words (spec/19-import.md §codes).

export type ImportCode =
  | 'E_IMPORT_FILE'
  | 'E_IMPORT_FORMAT'
  | 'E_IMPORT_SYNTAX'
  | 'E_IMPORT_ENCRYPTED'
  | 'E_IMPORT_LIMIT'
  | 'E_IMPORT_NAME'
  | 'E_IMPORT_COLLISION'
  | 'E_IMPORT_CHANGED'
  | 'E_IMPORT_UNSAFE'
  | 'E_IMPORT_UNREADABLE'
  | 'E_IMPORT_UNDO';
