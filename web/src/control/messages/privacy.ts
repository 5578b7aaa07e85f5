const zh = {
  privacy: {
    title: '个人信息',
    never: '不会自动删除，可在“编辑”里逐人删除。',
    open: '活动结束 {days} 天后，自动删除所有人的姓名、手机号、微信标识和照片。抽奖凭据和账目会保留。',
    due: '将于 {time} 自动删除所有人的个人信息。抽奖凭据和账目会保留。',
    done: '已于 {time} 删除全部 {erased} 人的个人信息。抽奖凭据和账目仍在。',
    part: '已删除 {erased} 人',
    waiting: '{waiting} 人的红包还没有完结，完结后再删',
    export: '导出此人的全部信息',
    erase: '永久删除此人的个人信息',
    askErase:
      '姓名、手机号、工号、微信标识、照片和填写的内容会被永久删除，无法恢复；抽奖凭据仍可验证，账目保留但不再有姓名。请输入姓名“{name}”确认。',
    nameWrong: '与姓名不一致',
    erased: '个人信息已删除。',
  },
};

const en: typeof zh = {
  privacy: {
    title: 'Personal data',
    never: 'Nothing is deleted by itself; delete people one by one under “Edit”.',
    open: 'Names, phone numbers, WeChat ids and photos are deleted {days} days after the meeting ends. Proofs and books stay.',
    due: 'Everybody’s personal data is deleted on {time}. Proofs and books stay.',
    done: 'The personal data of all {erased} people was deleted on {time}. Proofs and books are still here.',
    part: '{erased} people deleted',
    waiting: '{waiting} wait for packets that are not final',
    export: 'Export all about this person',
    erase: 'Delete this person’s data for good',
    askErase:
      'Name, phone and staff number, WeChat id, photos and what the person wrote are deleted for good. Proofs still hold; the books stay without the name. Type the name “{name}” to confirm.',
    nameWrong: 'That is not the name',
    erased: 'The personal data was deleted.',
  },
};

export const privacy = { zh, en };
